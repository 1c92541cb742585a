import type { Span } from '@opentelemetry/api';
import type { AccountId } from '../domain/accounts/account.js';
import type { BatchState, Candidate, Decision } from '../domain/decision/decide.js';
import { limitedAccount } from '../domain/decision/refusals.js';
import type { KeyDigest } from '../domain/transfers/idempotency.js';
import { continuedTransferOf } from '../domain/transfers/leg.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { invariant, LedgerError } from '../errors.js';
import { type ArrayEncoding, plainArray } from '../postgres/arrays.js';
import {
  CLOCK,
  lockBalances,
  lockFreeBalances,
  lockValues,
  type PreparedStatement,
  type Row,
  toBalance,
} from '../postgres/balances.js';
import {
  DUE_HOLDS_MAX,
  findDueHoldsOf,
  findHolds,
  holdValues,
  toDueHold,
  toHeldAmount,
  writeHolds,
} from '../postgres/holds.js';
import {
  findByIds,
  findByKeys,
  findOriginals,
  findValues,
  toOriginal,
  toStoredRequests,
  writeBatch,
  writeValues,
} from '../postgres/journal.js';
import { lowerMinimum, lowerMinimumValues } from '../postgres/limits.js';
import type { Store } from '../postgres/store.js';
import { expiryCandidate } from './candidates.js';
import type { Call } from './lane.js';

/** The statements of one store, written once. */
export interface PreparedStatements {
  readonly store: Store;
  /** The encoding of these statements' values. */
  readonly arrays: ArrayEncoding;
  readonly lock: PreparedStatement;
  readonly lockFree: PreparedStatement;
  readonly findKeys: PreparedStatement;
  readonly findIds: PreparedStatement;
  readonly findHolds: PreparedStatement;
  readonly findOriginals: PreparedStatement;
  readonly findDueHolds: PreparedStatement;
  readonly lowerMinimum: PreparedStatement;
  readonly write: PreparedStatement;
  readonly writeHolds: PreparedStatement;
}

export function createPreparedStatements(store: Store, arrays: ArrayEncoding): PreparedStatements {
  return {
    store,
    arrays,
    lock: lockBalances(store),
    lockFree: lockFreeBalances(store),
    findKeys: findByKeys(store),
    findIds: findByIds(store),
    findHolds: findHolds(store),
    findOriginals: findOriginals(store),
    findDueHolds: findDueHoldsOf(store),
    lowerMinimum: lowerMinimum(store),
    write: writeBatch(store),
    writeHolds: writeHolds(store),
  };
}

export interface BatchInput {
  readonly ledger: number;
  readonly candidates: readonly Candidate[];
  /** Expiries that come before them, of holds that stood in their way. */
  readonly expiries: readonly Candidate[];
  /** Leave out accounts that somebody else keeps locked, instead of waiting for them. */
  readonly onlyFree: boolean;
  /** Transfers of this batch that a commit without an answer may have written: they are looked for by id. */
  readonly unconfirmed: ReadonlySet<TransferId>;
  /** The span of the batch, when one of its requests is sampled; its runs are below it. */
  readonly span?: Span | undefined;
}

/** The accounts that a batch names, each once. */
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

interface Named {
  readonly keys: readonly KeyDigest[];
  readonly ids: readonly TransferId[];
  readonly holds: readonly TransferId[];
  readonly originals: readonly TransferId[];
}

/** The keys, holds and transfers that a batch names besides its accounts. */
function namedBy(candidates: readonly Candidate[], unconfirmed: BatchInput['unconfirmed']): Named {
  const keys: KeyDigest[] = [];
  const ids: TransferId[] = [];
  const holds = new Set<TransferId>();
  const originals = new Set<TransferId>();
  for (const { keyDigest, legs } of candidates) {
    if (keyDigest !== null) keys.push(keyDigest);
    for (const { id, idGiven, leg } of legs) {
      if (idGiven || unconfirmed.has(id)) ids.push(id);
      const continued = continuedTransferOf(leg);
      if (continued !== undefined) (leg.kind === 'reversal' ? originals : holds).add(continued);
    }
  }
  return { keys, ids, holds: [...holds], originals: [...originals] };
}

/** Runs one statement of the batch's own database transaction. */
export type ExecuteOne = (statement: PreparedStatement, values: readonly unknown[]) => Promise<readonly Row[]>;

/** The rows that a batch locks and reads. */
interface Reads {
  /** The statements, in order: what they read, they read after the locks. */
  readonly calls: readonly Call[];
  /** Makes of the rows that each of the calls brought the state to decide on. */
  toState(executeOne: ExecuteOne, rows: readonly (readonly Row[])[]): Promise<BatchState>;
}

export function readsOf(statements: PreparedStatements, input: BatchInput): Reads {
  const candidates = [...input.expiries, ...input.candidates];
  const named = namedBy(candidates, input.unconfirmed);
  return {
    calls: callsOf(statements, input, candidates, named),
    toState: (executeOne, rows) => toState(executeOne, statements.store, input, named, rows),
  };
}

function callsOf(
  statements: PreparedStatements,
  { ledger, onlyFree }: BatchInput,
  candidates: readonly Candidate[],
  { keys, ids, holds, originals }: Named,
): readonly Call[] {
  const { arrays } = statements;
  const lock = onlyFree ? statements.lockFree : statements.lock;
  const find = (statement: PreparedStatement, names: readonly string[]): readonly Call[] =>
    names.length > 0 ? [[statement, findValues(arrays, ledger, names)]] : [];
  return [
    [lock, lockValues(arrays, ledger, accountsOf(candidates))],
    [CLOCK, []],
    ...find(statements.findKeys, keys),
    ...find(statements.findIds, ids),
    ...find(statements.findHolds, holds),
    ...find(statements.findOriginals, originals),
  ];
}

async function toState(
  executeOne: ExecuteOne,
  store: Store,
  input: BatchInput,
  { keys, ids, holds, originals }: Named,
  rows: readonly (readonly Row[])[],
): Promise<BatchState> {
  const answers = rows[Symbol.iterator]();
  const next = (isAsked = true): readonly Row[] => (isAsked ? (answers.next().value ?? []) : []);
  const locked = next();
  const [clock] = next();
  invariant(clock !== undefined, 'the clock is read');
  const repeated = [...next(keys.length > 0), ...next(ids.length > 0)];
  const held = next(holds.length > 0).map(toHeldAmount);
  const reversed = next(originals.length > 0).map(toOriginal);
  const stored = await toStoredRequests(executeOne, store, input.ledger, repeated);
  return {
    balances: byKey(locked.map(toBalance), ({ accountId }) => accountId),
    holds: byKey(held, ({ id }) => id),
    originals: byKey(reversed, ({ transfer }) => transfer.id),
    limitChanges: [],
    lowered: new Set(),
    ...stored,
    unconfirmed: new Set(input.unconfirmed),
    nowMs: Number(clock.now_ms),
  };
}

function byKey<Key, Value>(values: readonly Value[], keyOf: (value: Value) => Key): Map<Key, Value> {
  return new Map(values.map((value) => [keyOf(value), value]));
}

/** The statements that write a decision, in order; none when nothing is to be written. */
export function writeCalls(statements: PreparedStatements, ledger: number, decision: Decision): readonly Call[] {
  const { rows, balances, holds, limitChanges } = decision;
  if (rows.length === 0) return [];
  return [
    ...limitChanges.map((change) => [statements.lowerMinimum, lowerMinimumValues(ledger, change)] as const),
    [statements.write, writeValues(statements.arrays, ledger, rows, balances)],
    ...(holds.length > 0 ? [[statements.writeHolds, holdValues(ledger, holds)] as const] : []),
  ];
}

/**
 * Expiries of due holds that may be the reason why a limit refused a request of this batch, or why a minimum was lowered.
 * The caller reruns the batch with these expiries prepended; expiries that the batch already has are left out.
 */
export async function expiriesInTheWay(
  executeOne: ExecuteOne,
  { findDueHolds }: PreparedStatements,
  { ledger, expiries }: BatchInput,
  { outcomes }: Decision,
  { balances, lowered }: BatchState,
): Promise<readonly Candidate[]> {
  const limited = new Set<string | undefined>(lowered);
  for (const outcome of outcomes) if (outcome instanceof LedgerError) limited.add(limitedAccount(outcome));
  const accounts = [...balances.values()].filter(
    ({ accountId, debitsPending, creditsPending }) => limited.has(accountId) && debitsPending + creditsPending > 0n,
  );
  if (accounts.length === 0) return [];
  const ids = accounts.map(({ accountId }) => accountId);
  const known = new Set(expiries.flatMap(({ legs }) => legs.map(({ leg }) => continuedTransferOf(leg))));
  // The known ones are found too, as nothing is written yet. Twice as many, so that thousands take a few runs only.
  const due = await executeOne(findDueHolds, [ledger, plainArray(ids), DUE_HOLDS_MAX + 2 * known.size]);
  return due
    .map(toDueHold)
    .filter(({ id }) => !known.has(id))
    .map(expiryCandidate);
}
