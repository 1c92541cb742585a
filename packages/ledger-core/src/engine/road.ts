import type { AccountId } from '../domain/account.js';
import type { Balance } from '../domain/balance.js';
import type { BatchState, Candidate, Decision } from '../domain/decide.js';
import type { TransferId } from '../domain/transfer.js';
import { invariant } from '../errors.js';
import type { ArrayEncoding } from '../postgres/arrays.js';
import {
  CLOCK,
  lockBalances,
  lockFreeBalances,
  lockValues,
  type NamedStatement,
  type Row,
  toBalance,
} from '../postgres/balances.js';
import { findByIds, findByKeys, findValues, toStoredRequests, writeBatch, writeValues } from '../postgres/journal.js';
import type { Store } from '../postgres/store.js';
import type { Call } from './lane.js';

/** The statements of one store, written once. */
export interface Statements {
  readonly store: Store;
  /** How the values of these statements are sent. */
  readonly arrays: ArrayEncoding;
  readonly lock: NamedStatement;
  readonly lockFree: NamedStatement;
  readonly findKeys: NamedStatement;
  readonly findIds: NamedStatement;
  readonly write: NamedStatement;
}

export function createStatements(store: Store, arrays: ArrayEncoding): Statements {
  return {
    store,
    arrays,
    lock: lockBalances(store),
    lockFree: lockFreeBalances(store),
    findKeys: findByKeys(store),
    findIds: findByIds(store),
    write: writeBatch(store),
  };
}

export interface BatchInput {
  readonly ledger: number;
  readonly candidates: readonly Candidate[];
  /** Leave out accounts that somebody else keeps locked, instead of waiting for them. */
  readonly onlyFree: boolean;
  /** Transfers of this batch that a commit without an answer may have written: they are looked for by id. */
  readonly unconfirmed: ReadonlySet<TransferId>;
}

/** Which accounts a batch names, each once. */
export function accountsOf(candidates: readonly Candidate[]): readonly AccountId[] {
  const accounts = new Set<AccountId>();
  for (const { legs } of candidates) {
    for (const { from, to } of legs) {
      if (from !== null) accounts.add(from);
      if (to !== null) accounts.add(to);
    }
  }
  return [...accounts];
}

/** The statements that lock and read, in order: what they read, they read after the locks. */
export function readCalls(statements: Statements, input: BatchInput): readonly Call[] {
  const { ledger, candidates } = input;
  const { arrays } = statements;
  const keys = candidates.map(({ keyDigest }) => keyDigest).filter((key) => key !== null);
  const ids = candidates.flatMap(({ legs }) =>
    legs.filter(({ id, idGiven }) => idGiven || input.unconfirmed.has(id)).map(({ id }) => id),
  );
  const lock = input.onlyFree ? statements.lockFree : statements.lock;
  return [
    [lock, lockValues(arrays, ledger, accountsOf(candidates))],
    [CLOCK, []],
    ...(keys.length > 0 ? [[statements.findKeys, findValues(arrays, ledger, keys)] as const] : []),
    ...(ids.length > 0 ? [[statements.findIds, findValues(arrays, ledger, ids)] as const] : []),
  ];
}

/** Runs one statement of the batch's own database transaction. */
export type ExecuteOne = (statement: NamedStatement, values: readonly unknown[]) => Promise<readonly Row[]>;

/** Makes of the rows that `readCalls` brought the state to decide on. */
export async function toState(
  executeOne: ExecuteOne,
  { store }: Statements,
  { ledger, unconfirmed }: BatchInput,
  [locked, clock, ...found]: readonly (readonly Row[])[],
): Promise<BatchState> {
  const now = clock?.[0]?.now_ms;
  invariant(locked !== undefined && now !== undefined, 'locks and clock are read');
  const balances = new Map<AccountId, Balance>();
  for (const row of locked) {
    const balance = toBalance(row);
    balances.set(balance.accountId, balance);
  }
  const stored = await toStoredRequests(executeOne, store, ledger, found.flat());
  return { balances, ...stored, unconfirmed: new Set(unconfirmed), nowMs: Number(now) };
}

/** The statement that writes a decision; undefined when nothing is to be written. */
export function writeCall(
  { write, arrays }: Statements,
  ledger: number,
  { rows }: Decision,
  state: BatchState,
): Call | undefined {
  if (rows.length === 0) return undefined;
  const changed = [...state.balances.values()].filter((balance) => balance.changed);
  return [write, writeValues(arrays, ledger, rows, changed)];
}
