import { describe, expect, it } from 'vitest';
import { LedgerError } from '../errors.js';
import { fromSqlError, isKeyRace, sqlState } from './sql-errors.js';

/** An error as `pg` makes it of what PostgreSQL said. */
const fromPostgres = (code: string, part: object = {}) =>
  Object.assign(new Error('PostgreSQL says no'), { severity: 'ERROR', code, ...part });
/** As PostgreSQL says it where `lc_messages` is German. */
const noPartition = (part: object) =>
  Object.assign(fromPostgres('23514', part), {
    message: 'keine Partition von Relation »transfers« für die Zeile gefunden',
  });
/** An error as Node makes it of a socket. */
const fromSocket = (code: string, part: object = {}) => Object.assign(new Error(code), { code, ...part });

describe('fromSqlError', () => {
  it.each<[string, Error, string]>([
    ['a deadlock', fromPostgres('40P01'), 'transaction_conflict'],
    ['a serialization failure', fromPostgres('40001'), 'transaction_conflict'],
    [
      'a key that was posted meanwhile',
      fromPostgres('23505', { constraint: 'transfer_keys_pkey' }),
      'transaction_conflict',
    ],
    [
      'an id that was posted meanwhile',
      fromPostgres('23505', { constraint: 'transfers_1_pkey' }),
      'transaction_conflict',
    ],
    [
      'a key that was posted meanwhile, as postgres.js says it',
      fromPostgres('23505', { constraint_name: 'transfer_keys_pkey' }),
      'transaction_conflict',
    ],
    ['a journal without a partition for the position', noPartition({ table: 'transfers' }), 'journal_full'],
    [
      'a journal without a partition for the position, as postgres.js says it',
      noPartition({ table_name: 'transfers' }),
      'journal_full',
    ],
    ['a connection that postgres.js has lost', fromSocket('CONNECTION_CLOSED'), 'database_unavailable'],
    ['a connection that postgres.js cannot make', fromSocket('CONNECT_TIMEOUT'), 'database_unavailable'],
    ['a table that is not there', fromPostgres('42P01'), 'schema_outdated'],
    ['a schema that is not there', fromPostgres('3F000'), 'schema_outdated'],
    ['a transaction that an earlier statement has aborted', fromPostgres('25P02'), 'transaction_isolation'],
    ['a lock timeout', fromPostgres('55P03'), 'account_busy'],
    ['a lost connection', fromPostgres('08006'), 'database_unavailable'],
    ['a full disk', fromPostgres('53100'), 'database_unavailable'],
    ['too many connections', fromPostgres('53300'), 'database_unavailable'],
    ['a shutdown', fromPostgres('57P01'), 'database_unavailable'],
    ['a start that is not over', fromPostgres('57P03'), 'database_unavailable'],
    ['a failing disk', fromPostgres('58030'), 'database_unavailable'],
    ['a standby', fromPostgres('25006'), 'database_unavailable'],
    ['a wrong password', fromPostgres('28P01'), 'database_misconfigured'],
    ['a host that pg_hba.conf does not let in', fromPostgres('28000'), 'database_misconfigured'],
    ['no password', new Error('SASL: client password must be a string'), 'database_misconfigured'],
    ['an unknown database', fromPostgres('3D000'), 'database_misconfigured'],
    ['a missing grant', fromPostgres('42501'), 'database_misconfigured'],
    ['a server without TLS', new Error('The server does not support SSL connections'), 'database_misconfigured'],
    ['a certificate that has expired', fromSocket('CERT_HAS_EXPIRED'), 'database_misconfigured'],
    ['a certificate that nobody vouches for', fromSocket('DEPTH_ZERO_SELF_SIGNED_CERT'), 'database_misconfigured'],
    ['a certificate file that is missing', fromSocket('ENOENT', { syscall: 'open' }), 'database_misconfigured'],
    ['a certificate file that may not be read', fromSocket('EACCES', { syscall: 'open' }), 'database_misconfigured'],
    ['a certificate file below a file', fromSocket('ENOTDIR', { syscall: 'open' }), 'database_misconfigured'],
    ['a certificate file that is a folder', fromSocket('EISDIR', { syscall: 'read' }), 'database_misconfigured'],
    ['a certificate that is none', fromSocket('ERR_OSSL_PEM_NO_START_LINE'), 'database_misconfigured'],
    ['a socket file that is missing', fromSocket('ENOENT', { syscall: 'connect' }), 'database_unavailable'],
    ['too many open files', fromSocket('EMFILE', { syscall: 'open' }), 'database_unavailable'],
    [
      'a start-up parameter that a pooler does not know',
      Object.assign(fromPostgres('08P01'), { message: 'unsupported startup parameter: statement_timeout' }),
      'database_misconfigured',
    ],
    [
      'a setting that PostgreSQL does not know',
      Object.assign(fromPostgres('42704', { file: 'guc.c' }), { message: 'unbekannter Konfigurationsparameter »x«' }),
      'database_misconfigured',
    ],
    ['a pooler that has lost its server', fromPostgres('08P01'), 'database_unavailable'],
    ['nobody who listens', fromSocket('ECONNREFUSED', { syscall: 'connect' }), 'database_unavailable'],
    ['a broken pipe', fromSocket('EPIPE'), 'database_unavailable'],
    ['a host that is not found', fromSocket('ENOTFOUND', { syscall: 'getaddrinfo' }), 'database_unavailable'],
    ['all addresses of a host', new AggregateError([fromSocket('ECONNREFUSED')], ''), 'database_unavailable'],
    ['a connection that ended', new Error('Connection terminated unexpectedly'), 'database_unavailable'],
    ['a connection that does not come about', new Error('timeout expired'), 'database_unavailable'],
    ['an answer that does not come', new Error('Query read timeout'), 'database_unavailable'],
    ['a pool that was closed', new Error('Cannot use a pool after calling end on the pool'), 'ledger_closed'],
  ])('fromSqlError reads %s', (_, error, code) => {
    const refusal = fromSqlError(error);
    expect(refusal).toBeInstanceOf(LedgerError);
    expect(refusal).toMatchObject({ code, cause: error });
  });

  it.each<[string, unknown]>([
    ['a constraint of somebody else’s', fromPostgres('23514', { constraint: 'theirs' })],
    ['a syntax error', fromPostgres('42601')],
    ['a bug', new TypeError('x is not a function')],
    ['somebody else’s list of errors', Object.assign(new Error('two fields are wrong'), { errors: ['a', 'b'] })],
    ['what is no error', 'text'],
    ['a refusal', new LedgerError('same_account', '')],
    [
      'a refusal of a server’s own',
      Object.assign(new Error('two fields'), { code: 'invalid', errors: [{ path: 'a' }] }),
    ],
  ])('fromSqlError leaves %s as it is', (_, error) => {
    expect(fromSqlError(error)).toBe(error);
  });
});

describe('sqlState', () => {
  it('sqlState is of PostgreSQL alone: a socket has codes of five letters too', () => {
    expect(sqlState(fromPostgres('40P01'))).toBe('40P01');
    expect(sqlState(fromSocket('EPIPE'))).toBeUndefined();
  });
});

describe('isKeyRace', () => {
  it.each([
    ['transfer_keys_pkey', true],
    ['transfer_keys_pkey_102008', true],
    ['transfer_keys_0_pkey', true],
    ['transfers_1_pkey', true],
    ['transfers_50000001_pkey', true],
    ['transfers_50000001_pkey_102008', true],
    ['transfers_pkey_0', true],
    ['transfers_1_ledger_position_idx', false],
    ['transfer_keys_pkey_of_somebody', false],
    ['transfer_requests_pkey', false],
    ['accounts_address_unique', false],
  ])('isKeyRace of %s is %s', (constraint, expected) => {
    expect(isKeyRace(fromPostgres('23505', { constraint }))).toBe(expected);
  });

  it('isKeyRace is no other violation, whatever its constraint is called', () => {
    expect(isKeyRace(fromPostgres('23514', { constraint: 'transfer_keys_pkey' }))).toBe(false);
  });
});
