import { z } from 'zod';
import { StartError } from '../errors/start-error.js';
import { type KafkaSettings, redactKafka } from '../kafka/kafka-settings.js';
import type { LiveLimits } from '../live/live-limits.js';
import { type Environment, parseEnvironment, refuseSlips, wholeNumber } from './environment.js';
import { checkCommandsTopic, checkSasl, KAFKA_VARIABLES, toKafkaSettings } from './kafka-variables.js';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

const OPERATOR_KEY_LENGTH_MIN = 16;
export const PORT_MAX = 65_535;
const TRUSTED_PROXIES_MAX = 10;

const text = z.string().min(1);

/** The ledger's rules for its name and its schema, checked before anything is opened. */
export const ledgerName = z
  .string('must be a text')
  .regex(/^[a-zA-Z0-9_.-]{1,63}$/, 'must be a ledger name of 1 to 63 letters, digits, "_", "." and "-"');
const SCHEMA_BYTES_MAX = 63;
export const schemaName = z
  .string('must be a text')
  .refine(
    (name) => name !== '' && !name.includes('\0') && Buffer.byteLength(name) <= SCHEMA_BYTES_MAX,
    `must be the name of a schema, 1 to ${SCHEMA_BYTES_MAX} bytes`,
  )
  .refine((name) => !/^pg_|^information_schema$/.test(name), "must not be a schema of PostgreSQL's own");

const DATABASE_VARIABLES = {
  DATABASE_URL: z
    .string('is missing: set it to postgresql://user:password@host:5432/database')
    .regex(/^postgres(?:ql)?:\/\/./, {
      error: 'must look like postgresql://user:password@host:5432/database',
      abort: true,
    })
    .refine(
      isUnambiguousUrl,
      'is no URL: percent-encode special characters of the password, such as "%2F" for "/" and "%25" for "%", and ' +
        'write the port as a number',
    ),
  DATABASE_SCHEMA: schemaName.default('micropay'),
  LEDGER: ledgerName.default('main'),
};

const EnvironmentSchema = z
  .object({
    ...DATABASE_VARIABLES,
    HOST: text.regex(/^\S+$/, 'must not contain white space').default('127.0.0.1'),
    PORT: wholeNumber(0, PORT_MAX).default(3000),
    OPERATOR_API_KEY: z
      .string()
      .regex(/^\S*$/, 'must not contain white space')
      .min(OPERATOR_KEY_LENGTH_MIN, `must have at least ${OPERATOR_KEY_LENGTH_MIN} characters`)
      .optional(),
    DATA_DIR: text.optional(),
    TOKEN_ISSUER: text.default('micropay'),
    TRUSTED_PROXIES: wholeNumber(0, TRUSTED_PROXIES_MAX).default(0),
    CORS_ORIGINS: z
      .string()
      .transform((list) => list.split(',').map((origin) => origin.trim()))
      .pipe(z.array(z.string().refine(isOrigin, 'must be origins such as https://app.example.com, without a path')))
      // Browsers send an origin without a trailing slash and without the scheme's default port.
      .transform((list) => list.map((origin) => new URL(origin).origin))
      .default([]),
    LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
    ...KAFKA_VARIABLES,
  })
  .superRefine(checkSasl)
  .superRefine(checkCommandsTopic);

/**
 * Whether the parts of a URL are where its author meant them to be. A "/", "?" or "#" in a password ends the host early,
 * and a "%" may begin no character.
 */
function isUnambiguousUrl(text: string): boolean {
  try {
    const { username, password, hostname, pathname, search, hash } = new URL(text);
    for (const part of [username, password, hostname, pathname]) decodeURIComponent(part);
    return username !== '' || !`${pathname}${search}${hash}`.includes('@');
  } catch {
    return false;
  }
}

function isOrigin(text: string): boolean {
  if (!/^https?:/i.test(text) || !URL.canParse(text)) return false;
  const { href, origin } = new URL(text);
  return href === `${origin}/`;
}

/** Every variable that the server reads. */
export const VARIABLES: readonly string[] = Object.keys(EnvironmentSchema.shape);

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
  readonly corsOrigins: readonly string[];
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** The brokers that events are delivered to; without it, events stay in the database until they are read. */
  readonly kafka?: KafkaSettings | undefined;
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
  const data = parseEnvironment(EnvironmentSchema, environment, given);
  return {
    databaseUrl: data.DATABASE_URL,
    databaseSchema: data.DATABASE_SCHEMA,
    ledger: data.LEDGER,
    host: data.HOST,
    port: data.PORT,
    operatorApiKey: data.OPERATOR_API_KEY,
    dataDirectory: data.DATA_DIR,
    tokenIssuer: data.TOKEN_ISSUER,
    trustedProxies: data.TRUSTED_PROXIES,
    corsOrigins: data.CORS_ORIGINS,
    logLevel: data.LOG_LEVEL,
    kafka: toKafkaSettings(data),
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

/** Which ledger a command works on. */
export type DatabaseSettings = Pick<Config, 'databaseUrl' | 'databaseSchema' | 'ledger'>;

/** Reads what commands on the database need; `given` counts before the environment, as it does for `readConfig`. */
export function readDatabaseSettings(
  given: Environment,
  environment: NodeJS.ProcessEnv = process.env,
): DatabaseSettings {
  const data = parseEnvironment(z.object(DATABASE_VARIABLES), environment, given);
  return { databaseUrl: data.DATABASE_URL, databaseSchema: data.DATABASE_SCHEMA, ledger: data.LEDGER };
}

/** The configuration as it may be logged. */
export function redactConfig(config: Config): Record<string, unknown> {
  const { username, password, ...url } = partsOf(config.databaseUrl);
  return {
    ...config,
    databaseUrl: `${url.protocol}//${username === '' ? '' : `${username}:[redacted]@`}${url.host}${url.pathname}`,
    ...(config.operatorApiKey === undefined ? {} : { operatorApiKey: '[redacted]' }),
    ...(config.kafka === undefined ? {} : { kafka: redactKafka(config.kafka) }),
  };
}

function partsOf(databaseUrl: string) {
  const { protocol, username, password, host, pathname } = new URL(databaseUrl);
  return { protocol, username, password, host, pathname };
}
