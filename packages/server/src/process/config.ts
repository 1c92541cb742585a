import { z } from 'zod';
import type { SecondFactorSettings } from '../auth/second-factor/second-factor.js';
import { StartError } from '../errors/start-error.js';
import { type KafkaSettings, redactKafka } from '../kafka/kafka-settings.js';
import type { LiveLimits } from '../live/live-limits.js';
import { type MailSettings, redactMail } from '../mail/mail-settings.js';
import type { OidcSettings } from '../oidc/oidc-settings.js';
import type { RateLimitSettings } from '../throttling/rate-limit-settings.js';
import type { WebhookSettings } from '../webhooks/webhooks.js';
import { type Environment, findUnknownVariables, parseEnvironment, refuseSlips } from './environment.js';
import { checkCommandsTopic, checkSasl, KAFKA_VARIABLES, toKafkaSettings } from './kafka-variables.js';
import { checkMail, isVerifiedEmailRequired, MAIL_VARIABLES, toMailSettings } from './mail-variables.js';
import { checkOidc, OIDC_VARIABLES, toOidcSettings } from './oidc-variables.js';
import { toRateLimitSettings } from './rate-limit-variables.js';
import { checkPasskeys, SECOND_FACTOR_VARIABLES, toSecondFactorSettings } from './second-factor-variables.js';
import type { TracingSettings } from './tracing/tracing-settings.js';
import { TRACING_VARIABLES, toTracingSettings } from './tracing/tracing-variables.js';
import { COMMON_VARIABLES, DATABASE_VARIABLES, type LOG_LEVELS, SERVER_VARIABLES } from './variables.js';

const EnvironmentSchema = z
  .object({
    ...DATABASE_VARIABLES,
    ...SERVER_VARIABLES,
    ...OIDC_VARIABLES,
    ...MAIL_VARIABLES,
    ...SECOND_FACTOR_VARIABLES,
    ...COMMON_VARIABLES,
    ...KAFKA_VARIABLES,
    ...TRACING_VARIABLES,
  })
  .superRefine(checkOidc)
  .superRefine(checkMail)
  .superRefine(checkPasskeys)
  .superRefine(checkSasl)
  .superRefine(checkCommandsTopic);

/** Every variable that the server reads. */
export const VARIABLES: readonly string[] = Object.keys(EnvironmentSchema.shape);

const SECONDS_PER_HOUR = 3_600;

/** The settings of the server. */
export interface Config {
  /** A direct connection to PostgreSQL: a pooler that shares connections between transactions does not work. */
  readonly databaseUrl: string;
  readonly databaseSchema: string;
  /** The ledger that holds this server's users and wallets. */
  readonly ledger: string;
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Sets the operator's API key; by default the current key is kept, or one is generated. */
  readonly operatorApiKey?: string | undefined;
  /** Folder that stores a generated operator key, readable only by its owner. */
  readonly dataDirectory?: string | undefined;
  /** `iss` of access tokens. */
  readonly tokenIssuer: string;
  /** The number of your own proxies in front of the server; it trusts that many entries of `X-Forwarded-For`. */
  readonly trustedProxies: number;
  /** Whether the tables are migrated at the start; default true. Otherwise a start on tables that lack a migration is refused. */
  readonly migrate?: boolean | undefined;
  /** The time from one verification of the ledger to the next; default a day. 0 turns it off. */
  readonly verifyEverySeconds?: number | undefined;
  readonly corsOrigins: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** The brokers that events are delivered to; without it, events stay in the database until they are read. */
  readonly kafka?: KafkaSettings | undefined;
  /** Another issuer whose access tokens sign users in; by default only passwords do. */
  readonly oidc?: OidcSettings | undefined;
  /** How mails are sent; without it none is, and what needs one is refused. */
  readonly mail?: MailSettings | undefined;
  /** Whether users confirm their email before they pay, or are paid by their email; default false. It takes mails. */
  readonly verifiedEmailRequired?: boolean | undefined;
  /** How second factors present this service. */
  readonly secondFactors?: SecondFactorSettings | undefined;
  /** A PNG or JPEG image on the PDFs of statements. */
  readonly statementLogo?: string | undefined;
  /** The collector that spans are sent to; without it nothing is traced. */
  readonly tracing?: TracingSettings | undefined;
  /** Rate limits; sign-ins alone have one by default. */
  readonly rateLimits?: Partial<RateLimitSettings> | undefined;
  /** Where webhooks may go beside the public Internet; by default nowhere. */
  readonly webhooks?: WebhookSettings | undefined;
  /** Whether users are notified of what happens to their money; default false. The same for all servers of a ledger. */
  readonly notifications?: boolean | undefined;
  /** Limits of live streams for tests; no variable sets them. */
  readonly live?: Partial<LiveLimits>;
}

/**
 * Reads the environment; a variable that is set to nothing counts as not set, and one that is nearly ours is refused. `given`
 * counts before it: what options say, by the variable that each stands for.
 *
 * @throws {StartError} `invalid_configuration`
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env, given: Environment = {}): Config {
  checkEnvironment(environment, 'environment');
  checkEnvironment(given, 'given');
  return toConfig(parseEnvironment(EnvironmentSchema, { environment, given, known: VARIABLES }));
}

/** Reads what `micropay serve` needs, which is a configuration for each of its processes and their number. */
export function readServeSettings(given: Environment): Config & { readonly workers: number } {
  const data = parseEnvironment(EnvironmentSchema, { environment: process.env, given, known: VARIABLES });
  return { ...toConfig(data), workers: data.WORKERS };
}

function toConfig(data: z.output<typeof EnvironmentSchema>): Config {
  return {
    databaseUrl: data.DATABASE_URL,
    databaseSchema: data.DATABASE_SCHEMA,
    ledger: data.LEDGER,
    host: data.HOST,
    port: data.PORT,
    operatorApiKey: data.OPERATOR_API_KEY,
    dataDirectory: data.DATA_DIR,
    tokenIssuer: data.TOKEN_ISSUER,
    rateLimits: toRateLimitSettings(data),
    trustedProxies: data.TRUSTED_PROXIES,
    migrate: data.MIGRATE === 'on',
    verifyEverySeconds: data.VERIFY_EVERY_HOURS * SECONDS_PER_HOUR,
    corsOrigins: data.CORS_ORIGINS,
    logLevel: data.LOG_LEVEL,
    oidc: toOidcSettings(data),
    mail: toMailSettings(data),
    verifiedEmailRequired: isVerifiedEmailRequired(data),
    secondFactors: toSecondFactorSettings(data),
    statementLogo: data.STATEMENT_LOGO,
    kafka: toKafkaSettings(data),
    tracing: toTracingSettings(data),
    notifications: data.NOTIFICATIONS === 'on',
    webhooks: { allowedNetworks: data.WEBHOOK_ALLOWED_NETWORKS, noticeEmail: data.WEBHOOK_NOTICE_EMAIL },
  };
}

/**
 * Looks for slips in an environment that does not name its database yet.
 *
 * @throws {StartError} `invalid_configuration`
 */
export function checkVariableNames(environment: Environment, given: Environment): void {
  refuseSlips(VARIABLES, environment, given);
}

/** Variables with our prefix that no setting uses, so that a command can warn about them. */
export function unknownVariables(environment: Environment = process.env): readonly string[] {
  return findUnknownVariables(environment, VARIABLES);
}

/** @throws {StartError} `invalid_configuration` for what has no variables */
function checkEnvironment(environment: unknown, name: string): void {
  let isObject = false;
  try {
    isObject = Object.prototype.toString.call(environment) === '[object Object]';
  } catch {
    // It throws when it is looked at.
  }
  if (!isObject) throw new StartError('invalid_configuration', `${name} must be an object, such as process.env`);
}

/** The database, schema and ledger that a command works on. */
export type DatabaseSettings = Pick<Config, 'databaseUrl' | 'databaseSchema' | 'ledger'>;

/**
 * Reads what commands on the database need; `given` counts before the environment, as it does for `readConfig`. A slip in any
 * variable is refused, as the server would refuse it.
 */
export function readDatabaseSettings(
  given: Environment,
  environment: NodeJS.ProcessEnv = process.env,
): DatabaseSettings {
  const data = parseEnvironment(z.object(DATABASE_VARIABLES), { environment, given, known: VARIABLES });
  return { databaseUrl: data.DATABASE_URL, databaseSchema: data.DATABASE_SCHEMA, ledger: data.LEDGER };
}

/** The configuration as it may be logged. */
export function redactConfig(config: Config): Record<string, unknown> {
  const { username, password, ...url } = partsOf(config.databaseUrl);
  return {
    ...config,
    databaseUrl: `${url.protocol}//${username === '' ? '' : `${username}:[redacted]@`}${url.host}${url.pathname}`,
    ...(config.operatorApiKey === undefined ? {} : { operatorApiKey: '[redacted]' }),
    ...(config.mail === undefined ? {} : { mail: redactMail(config.mail) }),
    ...(config.kafka === undefined ? {} : { kafka: redactKafka(config.kafka) }),
  };
}

function partsOf(databaseUrl: string) {
  const { protocol, username, password, host, pathname } = new URL(databaseUrl);
  return { protocol, username, password, host, pathname };
}
