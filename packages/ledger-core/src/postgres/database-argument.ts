import type { PoolConfig } from 'pg';
import {
  type Check,
  flag,
  invalidArgument,
  type Members,
  nested,
  optional,
  TIMER_MS_MAX,
  text,
  valid,
  wholeNumber,
} from '../domain/input/arguments.js';

const TEXT_LENGTH_MAX = 1_000;
const PORT_MAX = 65_535;

const word = optional(text(1, TEXT_LENGTH_MAX));
const number = optional(wholeNumber(0, TIMER_MS_MAX));
/** `pg` takes it as it is. */
const anything: Check<never> = (value) => value as never;

/** A member that is misspelt would leave its place to the driver's default, which may be another database. */
const SETTINGS: Members<Required<PoolConfig>> = {
  connectionString: optional(connectionString),
  host: word,
  port: optional(wholeNumber(1, PORT_MAX)),
  database: word,
  user: word,
  password: optional(valid((value) => typeof value === 'string' || typeof value === 'function', 'must be a text')),
  application_name: word,
  fallback_application_name: word,
  options: word,
  client_encoding: word,
  keepAlive: optional(flag),
  keepAliveInitialDelayMillis: number,
  connectionTimeoutMillis: number,
  statement_timeout: anything,
  query_timeout: number,
  lock_timeout: number,
  idle_in_transaction_session_timeout: number,
  max: number,
  min: number,
  idleTimeoutMillis: anything,
  maxUses: anything,
  maxLifetimeSeconds: number,
  allowExitOnIdle: optional(flag),
  pipeline: optional(flag),
  ssl: anything,
  sslnegotiation: anything,
  enableChannelBinding: optional(flag),
  types: anything,
  stream: anything,
  onConnect: anything,
  verify: anything,
  log: anything,
  Promise: anything,
  Client: anything,
};
const readSettings = nested<PoolConfig>(SETTINGS as Members<PoolConfig>);

/**
 * Reads the database to use: a connection string, or settings of `pg`. Either must name the database. Otherwise the driver
 * would choose one by the environment or the user's name, and money would go there.
 */
export const databaseArgument: Check<string | PoolConfig> = (value, name) => {
  if (typeof value === 'string') return connectionString(value, name);
  if (typeof value !== 'object' || value === null) throw noDatabase(name);
  const settings = readSettings(value, name);
  if (settings.connectionString !== undefined) return settings;
  if (settings.host !== undefined && settings.database !== undefined) return settings;
  throw invalidArgument(name, 'must have a connectionString, or a host and a database');
};

function connectionString(value: unknown, name: string): string {
  if (typeof value !== 'string' || !/^postgres(?:ql)?:\/\/./.test(value) || !isUnambiguous(value)) {
    throw noDatabase(name);
  }
  const { pathname, searchParams } = new URL(value);
  if (pathname.length > 1 || searchParams.has('database')) return value;
  throw invalidArgument(name, 'must name the database: postgresql://user:password@host:5432/database');
}

/** A "/", "?" or "#" in a password ends the host early, and the rest of it would be taken for the database. */
function isUnambiguous(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, pathname, search, hash } = new URL(text);
  return username !== '' || !`${pathname}${search}${hash}`.includes('@');
}

/** The value is not shown: there may be a password in it. */
function noDatabase(name: string) {
  return invalidArgument(
    name,
    'must be a connection string such as postgresql://user:password@host:5432/database, or the settings of pg',
  );
}
