import { setTimeout as delay } from 'node:timers/promises';
import { type Candidate, decide, type Outcome } from '../domain/decision/decide.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import type { PreparedStatement, Row } from '../postgres/balances.js';
import { triggersDisabled } from '../postgres/session.js';
import { fail, fromSqlError, sqlState } from '../postgres/sql-errors.js';
import type { LedgerStore } from '../postgres/store.js';
import type { SqlExecutor, Transaction } from '../postgres/transaction-adapter.js';
import { DueHolds } from './post-batch.js';
import { type BatchInput, expiriesInTheWay, type PreparedStatements, readsOf, writeCalls } from './posting-pipeline.js';

/** The end of the latest work in each caller's transaction. */
const lastWork = new WeakMap<SqlExecutor, Promise<unknown>>();

/**
 * Runs `work` once all earlier work in this caller's transaction has ended. A transaction does not wait for its own row
 * locks, so two calls at the same time would both read the same balance.
 */
export function afterEarlierWork<Result>(transaction: Transaction, work: () => Promise<Result>): Promise<Result> {
  const earlier = lastWork.get(transaction) ?? Promise.resolve();
  const result = earlier.then(work, work);
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
export function inSavepoint<Result>(transaction: Transaction, work: () => Promise<Result>): Promise<Result> {
  return afterEarlierWork(transaction, () => withSavepoint(transaction, work));
}

async function withSavepoint<Result>(transaction: Transaction, work: () => Promise<Result>): Promise<Result> {
  await enter(transaction).catch(fail);
  try {
    await transaction.executeSql('savepoint micropay', []).catch(refuseOutsideTransaction);
    try {
      const result = await work();
      await transaction.executeSql('release savepoint micropay', []);
      return result;
    } catch (error) {
      await transaction.executeSql('rollback to savepoint micropay', []);
      await transaction.executeSql('release savepoint micropay', []);
      throw error;
    }
  } catch (error) {
    throw fromSqlError(error);
  } finally {
    // On a broken connection there is nobody left to let in.
    await transaction.executeSql(LEAVE, []).catch(() => undefined);
  }
}

const ENTER = `select case when current_setting('micropay.within', true) = 'taken' then 'taken'
  when current_setting('session_replication_role') = 'replica' then 'replica'
  when current_setting('transaction_read_only') = 'on' and current_setting('default_transaction_read_only') = 'off'
    and not pg_is_in_recovery() then 'read-only'
  else set_config('micropay.within', 'taken', true) || ' by us' end as state,
  case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end,
  case when current_setting('array_nulls') = 'off' then set_config('array_nulls', 'on', true) end`;
const LEAVE = `select set_config('micropay.within', 'free', true)`;
const ENTER_AGAIN_MS = 5;
const ENTER_ATTEMPTS_MAX = 1_000;

/**
 * Waits for whatever else the ledger does in this transaction, through another adapter or another engine.
 * The mark is the transaction's own and is set by the statement that looks at it. The transaction commits durably, and
 * arrays may hold nulls, whatever the caller's session has set; both stay until its end. Only a transaction that the caller
 * made read-only is refused as such: on a standby, and where the database takes no writes, a later try may succeed.
 */
async function enter(transaction: Transaction): Promise<void> {
  for (let attempt = 1; attempt <= ENTER_ATTEMPTS_MAX; attempt += 1) {
    const { rows } = await transaction.executeSql(ENTER, []);
    if (rows[0]?.state === 'replica') throw triggersDisabled();
    if (rows[0]?.state === 'read-only') {
      throw new LedgerError(
        'transaction_isolation',
        'within() cannot write in a read-only transaction: begin one that may write',
      );
    }
    if (rows[0]?.state !== 'taken') return;
    await delay(ENTER_AGAIN_MS);
  }
  throw new LedgerError(
    'transaction_conflict',
    'another call of the ledger in this transaction has not ended: await it first',
  );
}

function refuseOutsideTransaction(error: unknown): never {
  if (sqlState(error) === '25P01') {
    throw new LedgerError('transaction_isolation', 'within() needs a transaction that the caller has begun');
  }
  throw fromSqlError(error);
}

/** Takes requests through the posting pipeline inside the caller's transaction, in array order. */
export async function postWithin(
  { sql, ledger }: LedgerStore<Transaction>,
  statements: PreparedStatements,
  resolve: () => Promise<readonly Candidate[]>,
): Promise<readonly Outcome[]> {
  let expiries: readonly Candidate[] = [];
  for (;;) {
    try {
      return await inSavepoint(sql, async () => {
        await refuseOtherIsolation(sql);
        const candidates = await resolve();
        const input = { ledger, candidates, expiries, onlyFree: false, unconfirmed: new Set<TransferId>() };
        return lockDecideWrite(sql, statements, input);
      });
    } catch (error) {
      if (!(error instanceof DueHolds)) throw error;
      expiries = [...expiries, ...error.expiries];
    }
  }
}

async function lockDecideWrite(
  transaction: Transaction,
  statements: PreparedStatements,
  input: BatchInput,
): Promise<readonly Outcome[]> {
  const execute = async ({ text }: PreparedStatement, values: readonly unknown[] = []) =>
    (await transaction.executeSql(text, values)).rows;
  const reads = readsOf(statements, input);
  const rows: (readonly Row[])[] = [];
  for (const [statement, values] of reads.calls) rows.push(await execute(statement, values));
  const state = await reads.toState(execute, rows);
  const decision = decide([...input.expiries, ...input.candidates], state);
  const inTheWay = await expiriesInTheWay(execute, statements, input, decision, state);
  if (inTheWay.length > 0) throw new DueHolds(inTheWay);
  for (const write of writeCalls(statements, input.ledger, decision)) await execute(...write);
  return decision.outcomes.slice(input.expiries.length);
}

/** Keys are read after the locks: only READ COMMITTED shows what the last holder committed. */
async function refuseOtherIsolation(transaction: Transaction): Promise<void> {
  const { rows } = await transaction.executeSql(`select current_setting('transaction_isolation') as isolation`, []);
  if (rows[0]?.isolation === 'read committed') return;
  throw new LedgerError(
    'transaction_isolation',
    `within() needs a READ COMMITTED transaction, this one is ${String(rows[0]?.isolation).toUpperCase()}`,
  );
}
