import { types } from 'node:util';
import { LedgerError } from '../errors.js';

/** Not by `instanceof`: in Jest, what Node itself throws is of another realm's class. */
const { isNativeError } = types;

/** SQLSTATE of an error that PostgreSQL sent; undefined for anything else. */
export function sqlState(error: unknown): string | undefined {
  if (!isNativeError(error) || !('code' in error) || !('severity' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** 42P01 and 3F000: a table, or the schema that it is in, is not there. */
export function isMissingTable(error: unknown): boolean {
  const state = sqlState(error);
  return state === '42P01' || state === '3F000';
}

/** A field of an error that PostgreSQL sent. */
function fieldOf(error: unknown, name: string): string | undefined {
  if (!isNativeError(error)) return undefined;
  const value = (error as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : undefined;
}

/** Name of the constraint that refused a row; postgres.js calls it otherwise than `pg`. */
function violatedConstraint(error: unknown): string | undefined {
  return fieldOf(error, 'constraint_name') ?? fieldOf(error, 'constraint');
}

/** Name of the table that refused a row. */
function refusingTable(error: unknown): string | undefined {
  return fieldOf(error, 'table_name') ?? fieldOf(error, 'table');
}

/** 55P03: a row lock was not to be had within `lock_timeout`. */
export function isLockTimeout(error: unknown): boolean {
  return sqlState(error) === '55P03';
}

/** 40P01 deadlock and 40001 serialization failure: PostgreSQL asks to run the whole transaction again. */
export function isConflict(error: unknown): boolean {
  const state = sqlState(error);
  return state === '40P01' || state === '40001';
}

/**
 * A shard of Citus has the name of the constraint with a number behind it; PostgreSQL names that of a partition after the partition and
 * the columns.
 */
const KEY_OF_TRANSFER = /^transfer(?:s|_keys)_(?:\w+_)?pkey(?:_?\d+)?$/;

/**
 * 23514 of the journal as a whole, without a constraint: none of its partitions has the position. Its checks have names. The text
 * says so too, in the language of `lc_messages`.
 */
export function isJournalFull(error: unknown): boolean {
  return sqlState(error) === '23514' && violatedConstraint(error) === undefined && refusingTable(error) === 'transfers';
}

/** 23505: a key or id that another database transaction has just committed. */
export function isKeyRace(error: unknown): boolean {
  return sqlState(error) === '23505' && KEY_OF_TRANSFER.test(violatedConstraint(error) ?? '');
}

const TAKES_NO_WRITES =
  'PostgreSQL takes no writes here: it is a standby, or default_transaction_read_only is on for the database or the role';

/** 53300: the server, the database or the role gives no more connections. */
export function isOutOfConnections(error: unknown): boolean {
  return sqlState(error) === '53300';
}

/**
 * The database cannot be reached, is shutting down, has no connection to give, or is out of a resource
 * such as disk: classes 08, 53, 57P, a statement that took too long, and everything that never came to an SQLSTATE.
 */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== undefined) return /^(?:08|53|57P|58|25006|25P0[34]|57014)/.test(state);
  return isNativeError(error) && (isNetworkError(error) || isDriverError(error));
}

function isNetworkError(error: Error): boolean {
  return 'syscall' in error || error.name === 'AggregateError' || isSocketCode(error);
}

/** CONNECTION_… and CONNECT_TIMEOUT are the codes of postgres.js. */
function isSocketCode(error: Error): boolean {
  if (!('code' in error) || typeof error.code !== 'string') return false;
  return /^(?:E[A-Z]+|ERR_SOCKET.*|CONNECTION_[A-Z]+|CONNECT_TIMEOUT)$/.test(error.code);
}

/** `pg` reports a broken connection by message alone. */
function isDriverError(error: Error): boolean {
  return /^(?:Connection terminated|timeout exceeded when trying to connect|Client (?:has encountered a connection error|was closed)|Query read timeout|timeout expired)/.test(
    error.message,
  );
}

/** Throws what went wrong in the database as a refusal, where it is one. */
export function fail(error: unknown): never {
  throw fromSqlError(error);
}

/** A refusal for what went wrong in the database; errors that are no refusal come back as they are. */
export function fromSqlError(error: unknown): unknown {
  if (error instanceof LedgerError) return error;
  if (isPoolClosed(error)) return new LedgerError('ledger_closed', 'this ledger was closed', {}, { cause: error });
  if (isConflict(error) || isKeyRace(error)) {
    return new LedgerError(
      'transaction_conflict',
      'another database transaction conflicted with this one: run this one again',
      {},
      { cause: error },
    );
  }
  if (isLockTimeout(error)) {
    return new LedgerError(
      'account_busy',
      'another database transaction has locked an account: try again',
      {},
      { cause: error },
    );
  }
  if (isJournalFull(error)) {
    return new LedgerError(
      'journal_full',
      'the journal has no partition for the next position: run "micropay maintain", or maintain(), as the owner of the tables',
      {},
      { cause: error },
    );
  }
  if (isMissingTable(error)) {
    return new LedgerError('schema_outdated', 'the tables are missing: run migrate() first', {}, { cause: error });
  }
  if (sqlState(error) === '25P02') {
    return new LedgerError(
      'transaction_isolation',
      'an earlier statement of your transaction failed: roll it back',
      {},
      { cause: error },
    );
  }
  const mistake = findMistake(error);
  if (mistake !== undefined) {
    return new LedgerError('database_misconfigured', mistake.sentence, { reason: mistake.reason }, { cause: error });
  }
  if (isUnavailable(error)) {
    return new LedgerError(
      'database_unavailable',
      sqlState(error) === '25006'
        ? TAKES_NO_WRITES
        : 'PostgreSQL cannot be reached, or cannot serve requests now: try again later',
      {},
      { cause: error },
    );
  }
  return error;
}

/** `pg` says so by message alone. */
function isPoolClosed(error: unknown): boolean {
  return isNativeError(error) && error.message === 'Cannot use a pool after calling end on the pool';
}

/** A fault in how the database is set up or reached: no repetition cures it. */
interface Mistake {
  readonly reason: string;
  readonly sentence: string;
  readonly isMet: (state: string, message: string, code: string, call: string, file: string) => boolean;
}

const MISTAKES: readonly Mistake[] = [
  {
    reason: 'access',
    sentence: 'PostgreSQL refuses this user: check the user, the password and pg_hba.conf',
    isMet: (state, message) => /^28/.test(state) || /^SASL: |^Password must be a string/.test(message),
  },
  {
    reason: 'database',
    sentence: 'PostgreSQL has no database of this name: check the name, or create the database',
    isMet: (state) => state === '3D000',
  },
  {
    reason: 'grants',
    sentence: 'the role lacks a grant in PostgreSQL: give it the grants in docs/how-to/runtime-role.md',
    isMet: (state) => state === '42501',
  },
  {
    reason: 'startup_parameter',
    sentence:
      'PostgreSQL, or a pooler in front of it, refuses a connection parameter: remove it from the connection string, the `pg` settings and PGOPTIONS',
    // The first is what PgBouncer says, in English alone; the second PostgreSQL, in any language.
    isMet: (state, message, _code, _call, file) =>
      /unsupported startup parameter/.test(message) || (state === '42704' && file === 'guc.c'),
  },
  {
    reason: 'tls',
    sentence: 'TLS to PostgreSQL cannot be set up: check sslmode and the certificates on both sides',
    isMet: (_state, message, code) => /does not support SSL/.test(message) || CERTIFICATE_CODE.test(code),
  },
  {
    reason: 'tls',
    sentence: 'a certificate file named in the connection string cannot be read: check sslrootcert, sslcert and sslkey',
    isMet: (_state, _message, code, call) => FILE_CODE.test(code) && (call === 'open' || call === 'read'),
  },
];

/** Node's codes for a certificate that it does not trust, or that has expired, and those of OpenSSL for a file that is none. */
const CERTIFICATE_CODE = /^(?:CERT_|ERR_OSSL_|ERR_TLS_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_)/;

/** Node's codes for a file that cannot be read, however often it is tried. A connection opens no other files than certificates. */
const FILE_CODE = /^(?:ENOENT|ENOTDIR|EISDIR|EACCES|EPERM)$/;

function findMistake(error: unknown): Mistake | undefined {
  if (!isNativeError(error)) return undefined;
  const code = fieldOf(error, 'code') ?? '';
  const call = fieldOf(error, 'syscall') ?? '';
  const file = fieldOf(error, 'file') ?? '';
  return MISTAKES.find(({ isMet }) => isMet(sqlState(error) ?? '', error.message, code, call, file));
}
