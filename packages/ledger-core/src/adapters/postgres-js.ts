import { objectWith } from '../domain/input/arguments.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { restoreColumnNames } from './column-names.js';
import { createFrom } from './create-from.js';

type Rows = readonly Record<string, unknown>[];

/** The part of a postgres.js transaction that the ledger uses, in any version of postgres.js. */
interface PostgresJsTransaction {
  unsafe(text: string, values?: never[]): PromiseLike<Rows>;
  typed(value: never, type: number): unknown;
}

/** PostgreSQL's type "unknown": it then decides by itself what a parameter is, as it does for a literal. */
const UNKNOWN_TYPE = 705;

/**
 * Lets the ledger work in this postgres.js transaction: the `sql` that `begin` or `savepoint` hands out, or a
 * reserved connection on which a transaction was begun. A transaction always has the same adapter, which
 * runs one piece of work at a time.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function fromPostgresJs(transaction: PostgresJsTransaction): TransactionAdapter {
  return from(transaction);
}

const from = createFrom<PostgresJsTransaction>(
  objectWith('a transaction of postgres.js', 'unsafe', 'typed'),
  (transaction) => async (text, values) => {
    const parameters = values.map((value) => transaction.typed(toText(value) as never, UNKNOWN_TYPE));
    return { rows: restoreColumnNames(await transaction.unsafe(text, parameters as never[])) };
  },
);

/** Sends values as texts, because postgres.js converts others by its settings, and encodes JSON texts twice. */
function toText(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value);
}
