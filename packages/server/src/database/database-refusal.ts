import { LedgerError } from '@micropay/ledger-core';

/** SQLSTATEs after which the same work may succeed later: connection, resources, shutdown, access, read-only. */
const UNAVAILABLE_STATE = /^(?:08|28|3D|53|57P|25006)/;
/** Deadlock and serialization failure. */
const CONFLICT_STATE = /^40/;
/** `pg` tells these by their message alone. */
const LOST_CONNECTION =
  /^(?:Connection terminated|Client has encountered a connection error|timeout e|Query read timeout)/;

/** The refusal behind an error of the server's own statements; every other error comes back as it is. */
export function databaseRefusal(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof LedgerError) return error;
  const state = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if ('severity' in error && CONFLICT_STATE.test(state)) {
    return new LedgerError('transaction_conflict', 'other work came in between: try again', {}, { cause: error });
  }
  if (isLost(error) || ('severity' in error && UNAVAILABLE_STATE.test(state))) {
    return new LedgerError(
      'database_unavailable',
      'the database cannot be reached now: try again later',
      {},
      { cause: error },
    );
  }
  return error;
}

/** A socket error, one for each address that was tried, or a connection that ended under a statement. */
function isLost(error: Error): boolean {
  return 'syscall' in error || error instanceof AggregateError || LOST_CONNECTION.test(error.message);
}
