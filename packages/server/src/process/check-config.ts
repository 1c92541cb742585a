import { z } from 'zod';
import { NetworkField } from '../auth/api-key-json.js';
import type { PasskeySettings, SecondFactorSettings } from '../auth/second-factor/second-factor.js';
import { issueSentence } from '../errors/issue-sentence.js';
import { StartError } from '../errors/start-error.js';
import { type KafkaSettings, SASL_MECHANISMS } from '../kafka/kafka-settings.js';
import type { LiveLimits } from '../live/live-limits.js';
import type { MailSettings, SmtpSettings } from '../mail/mail-settings.js';
import { type OidcSettings, TOKEN_TYPES } from '../oidc/oidc-settings.js';
import type { RateLimitSettings } from '../throttling/rate-limit-settings.js';
import type { WebhookLimits } from '../webhooks/sending/webhook-limits.js';
import type { WebhookSettings } from '../webhooks/webhooks.js';
import type { Config } from './config.js';
import { isSender, isSmtpUrl } from './mail-variables.js';
import { ISSUER_RULE, isIssuerUrl } from './oidc-variables.js';
import { PER_MINUTE_MAX } from './rate-limit-variables.js';
import {
  BELONGS_RULE,
  belongTogether,
  isPasskeyOrigin,
  isRpId,
  isServiceName,
  ORIGIN_RULE,
  RP_ID_RULE,
  SERVICE_NAME_RULE,
} from './second-factor-variables.js';
import { SAMPLERS, type TracingSettings } from './tracing/tracing-settings.js';
import { isHttpUrl } from './tracing/tracing-variables.js';
import { LOG_LEVELS, ledgerName, PORT_MAX, schemaName, VERIFY_HOURS_MAX } from './variables.js';

const text = z.string('must be a text').min(1, 'must not be empty').max(10_000, 'must be shorter');
const flag = z.boolean('must be true or false');
const number = z.number('must be a number').int('must be a whole number').min(0, 'must not be negative');
const texts = z.array(text, 'must be an array of texts');

/** Neither a Date nor a Map or a promise, which would pass for an empty object. */
const plain = z.custom<object>(
  (value) => Object.prototype.toString.call(value) === '[object Object]',
  'must be an object',
);

const SECONDS_PER_HOUR = 3_600;

const KAFKA = {
  brokers: texts.min(1, 'must name a broker'),
  topicPrefix: text,
  commandsTopic: text.optional(),
  partitions: number,
  replicationFactor: z.number('must be a number').int('must be a whole number').optional(),
  tls: flag,
  sasl: z
    .strictObject({ mechanism: z.enum(SASL_MECHANISMS, 'must be a SASL mechanism'), username: text, password: text })
    .optional(),
  relayInServer: flag,
} satisfies Record<keyof KafkaSettings, z.ZodType>;

const TRACING = {
  url: text.refine(isHttpUrl, 'must be an http or https URL without user, query or fragment'),
  serviceName: text,
  sampler: z.enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`),
  ratio: z.number('must be a number').min(0, 'must not be negative').max(1, 'must be 1 at most'),
} satisfies Record<keyof TracingSettings, z.ZodType>;

const SMTP = {
  url: text.refine(isSmtpUrl, 'must be a URL of smtp or smtps'),
  tls: flag,
  from: text.refine(isSender, 'must be an email, or a name and an email'),
} satisfies Record<keyof SmtpSettings, z.ZodType>;

const MAIL = {
  smtp: plain.pipe(z.strictObject(SMTP)).optional(),
  publicUrl: text.refine(isHttpUrl, 'must be a URL of http or https, without user, query and fragment'),
} satisfies Record<keyof MailSettings, z.ZodType>;

const OIDC = {
  mode: z.enum(['oidc', 'both'], 'must be oidc or both'),
  issuer: text.refine(isIssuerUrl, ISSUER_RULE),
  audience: text,
  tokenType: z.enum(TOKEN_TYPES, `must be one of ${TOKEN_TYPES.join(', ')}`),
  userClaim: text,
  roleClaim: text.optional(),
  ledgerClaim: text.optional(),
} satisfies Record<keyof OidcSettings, z.ZodType>;

const PASSKEYS = {
  rpId: text.refine(isRpId, RP_ID_RULE),
  origins: z
    .array(text.refine(isPasskeyOrigin, ORIGIN_RULE), 'must be an array of texts')
    .min(1, 'must name an origin'),
} satisfies Record<keyof PasskeySettings, z.ZodType>;

const SECOND_FACTORS = {
  serviceName: text.refine(isServiceName, SERVICE_NAME_RULE),
  passkeys: plain.pipe(z.strictObject(PASSKEYS).refine(belongTogether, BELONGS_RULE)).optional(),
} satisfies Record<keyof SecondFactorSettings, z.ZodType>;

const LIVE = {
  streamsMax: number.optional(),
  streamsPerPrincipalMax: number.optional(),
  bufferLengthMax: number.optional(),
  heartbeatMs: number.optional(),
  stallMs: number.optional(),
  checkMs: number.optional(),
  lingerMs: number.optional(),
  resumeRowsMax: number.optional(),
  catchUpsAtOnceMax: number.optional(),
} satisfies Partial<Record<keyof LiveLimits, z.ZodType>>;

const perMinute = number.max(PER_MINUTE_MAX, 'must be smaller');
const RATE_LIMITS = {
  userReads: perMinute.optional(),
  userWrites: perMinute.optional(),
  keyReads: perMinute.optional(),
  keyWrites: perMinute.optional(),
  addressReads: perMinute.optional(),
  addressWrites: perMinute.optional(),
  signIns: perMinute.min(1, 'must be at least 1').optional(),
  addressSignIns: perMinute.min(1, 'must be at least 1').optional(),
} satisfies Record<keyof RateLimitSettings, z.ZodType>;
const WEBHOOK_NUMBERS = {
  quickMax: number.optional(),
  quickMs: number.optional(),
  slowMax: number.optional(),
  slowMinMs: number.optional(),
  attemptTimeoutMs: number.optional(),
  perEndpointMax: number.optional(),
  failuresBeforePause: number.optional(),
  pollMs: number.optional(),
  retryAfterS: z.array(z.number('must be a number').min(0, 'must not be negative')).optional(),
  endpointsMax: number.optional(),
} satisfies Record<keyof WebhookLimits, z.ZodType>;

const WEBHOOKS = {
  allowedNetworks: z.array(NetworkField),
  noticeEmail: text.optional(),
  limits: plain.pipe(z.strictObject(WEBHOOK_NUMBERS)).optional(),
} satisfies Record<keyof WebhookSettings, z.ZodType>;

const CONFIG = {
  databaseUrl: text,
  databaseSchema: schemaName,
  ledger: ledgerName,
  host: text,
  port: number.max(PORT_MAX, 'must be a port number'),
  operatorApiKey: text.optional(),
  dataDirectory: text.optional(),
  tokenIssuer: text,
  trustedProxies: number,
  migrate: flag.optional(),
  verifyEverySeconds: number.max(VERIFY_HOURS_MAX * SECONDS_PER_HOUR, 'must be at most a year').optional(),
  corsOrigins: texts,
  logLevel: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`),
  oidc: plain.pipe(z.strictObject(OIDC)).optional(),
  mail: plain.pipe(z.strictObject(MAIL)).optional(),
  verifiedEmailRequired: flag.optional(),
  secondFactors: plain.pipe(z.strictObject(SECOND_FACTORS)).optional(),
  statementLogo: text.optional(),
  kafka: plain.pipe(z.strictObject(KAFKA)).optional(),
  tracing: plain.pipe(z.strictObject(TRACING)).optional(),
  rateLimits: plain.pipe(z.strictObject(RATE_LIMITS)).optional(),
  webhooks: plain.pipe(z.strictObject(WEBHOOKS)).optional(),
  notifications: flag.optional(),
  live: plain.pipe(z.strictObject(LIVE)).optional(),
} satisfies Record<keyof Config, z.ZodType>;

const ConfigSchema = plain.pipe(z.strictObject(CONFIG));

/**
 * Checks a configuration that was made by hand; `readConfig` makes right ones.
 *
 * @throws {StartError} `invalid_configuration`, with the members at fault
 */
export function checkConfig(config: Config): Config {
  try {
    const { success, data, error } = ConfigSchema.safeParse(config, { error: issueSentence });
    if (success) return data as Config;
    const wrong = error.issues.map(({ path, message }) => `${['config', ...path].join('.')}: ${message}`);
    throw new StartError('invalid_configuration', wrong.join('\n'));
  } catch (cause) {
    if (cause instanceof StartError) throw cause;
    throw new StartError('invalid_configuration', 'config cannot be read', { cause });
  }
}
