import { type Candidate, decide, type Outcome } from '../domain/decide.js';
import type { TransferId } from '../domain/transfer.js';
import { LedgerError } from '../errors.js';
import type { NamedStatement, Row } from '../postgres/balances.js';
import { fromSqlError, sqlState } from '../postgres/sql-errors.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { readCalls, type Statements, toState, writeCall } from './road.js';

/** The end of the last piece of work in each caller's transaction. */
const lastWork = new WeakMap<TransactionAdapter, Promise<unknown>>();

/**
 * One piece of work at a time in a caller's transaction: it holds its own row locks, so two pieces side by
 * side would both read the same balance.
 */
export function inTurn<Result>(transaction: TransactionAdapter, work: () => Promise<Result>): Promise<Result> {
  const before = lastWork.get(transaction) ?? Promise.resolve();
  const result = before.then(work, work);
  lastWork.set(
    transaction,
    result.catch(() => undefined),
  );
  return result;
}

/**
 * Runs `work` in a savepoint of the caller's transaction. When it fails, what it did is undone and the
 * caller's transaction stays usable.
 */
export function inSavepoint<Result>(transaction: TransactionAdapter, work: () => Promise<Result>): Promise<Result> {
  return inTurn(transaction, () => withSavepoint(transaction, work));
}

async function withSavepoint<Result>(transaction: TransactionAdapter, work: () => Promise<Result>): Promise<Result> {
  await transaction.executeSql('savepoint micropay', []).catch(refuseOutsideTransaction);
  try {
    const result = await work();
    await transaction.executeSql('release savepoint micropay', []);
    return result;
  } catch (error) {
    await transaction
      .executeSql('rollback to savepoint micropay', [])
      .then(() => transaction.executeSql('release savepoint micropay', []))
      // On a broken connection nothing is left to undo; the first error says what happened.
      .catch(() => undefined);
    throw fromSqlError(error);
  }
}

function refuseOutsideTransaction(error: unknown): never {
  if (sqlState(error) === '25P01') {
    throw new LedgerError('transaction_isolation', 'within() needs a transaction that the caller has begun');
  }
  throw fromSqlError(error);
}

/** Takes requests along the road inside the caller's transaction, in array order. */
export async function postWithin(
  transaction: TransactionAdapter,
  statements: Statements,
  ledger: number,
  resolve: () => Promise<readonly Candidate[]>,
): Promise<readonly Outcome[]> {
  const execute = async ({ text }: NamedStatement, values: readonly unknown[] = []) =>
    (await transaction.executeSql(text, values)).rows;
  return inSavepoint(transaction, async () => {
    await refuseOtherIsolation(transaction);
    const candidates = await resolve();
    const input = { ledger, candidates, onlyFree: false, unconfirmed: new Set<TransferId>() };
    const reads: (readonly Row[])[] = [];
    for (const [statement, values] of readCalls(statements, input)) {
      reads.push(await execute(statement, values));
    }
    const state = await toState(execute, statements, input, reads);
    const decision = decide(candidates, state);
    const write = writeCall(statements, ledger, decision, state);
    if (write !== undefined) await execute(...write);
    return decision.outcomes;
  });
}

/** Keys are read after the locks: only READ COMMITTED shows what the last holder committed. */
async function refuseOtherIsolation(transaction: TransactionAdapter): Promise<void> {
  const { rows } = await transaction.executeSql(`select current_setting('transaction_isolation') as isolation`, []);
  if (rows[0]?.isolation === 'read committed') return;
  throw new LedgerError(
    'transaction_isolation',
    `within() needs a READ COMMITTED transaction, this one is ${String(rows[0]?.isolation).toUpperCase()}`,
  );
}
