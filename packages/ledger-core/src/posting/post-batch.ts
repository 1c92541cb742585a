import type { QueryResult } from 'pg';
import type { AccountId } from '../domain/accounts/account.js';
import { type Candidate, decide, type Outcome } from '../domain/decision/decide.js';
import { limitedAccount } from '../domain/decision/refusals.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { invariant, LedgerError } from '../errors.js';
import type { Row } from '../postgres/balances.js';
import { isLockTimeout, sqlState } from '../postgres/sql-errors.js';
import { withStep } from './batch-spans.js';
import { type Answers, type Call, COMMIT, type Lane, ROLLBACK } from './lane.js';
import {
  accountsOf,
  type BatchInput,
  type ExecuteOne,
  expiriesInTheWay,
  type PreparedStatements,
  readsOf,
  writeCalls,
} from './posting-pipeline.js';

/** A candidate whose account somebody else keeps locked; only when the batch asked for free ones. */
export const BUSY = Symbol('busy');

export interface BatchResult {
  /** One a candidate, in the same order; an error that is no refusal is a fault. */
  readonly outcomes: readonly (Outcome | Error | typeof BUSY)[];
  readonly busyAccounts: readonly AccountId[];
  readonly times: RunTimes;
}

/** Milliseconds of a run, each from the response to `begin`. */
export interface RunTimes {
  /** To the response to the lock of the balances. */
  readonly lockMs: number;
  /** To the response to `commit`, or to `rollback` where nothing was to be written. */
  readonly transactionMs: number;
}

/** The connection broke before the response to `commit`: the journal shows whether it was committed. */
export class UnconfirmedCommit extends Error {
  override readonly name = 'UnconfirmedCommit';
  /** The rows that it would have written. */
  readonly transferIds: readonly TransferId[];

  constructor(transferIds: readonly TransferId[], cause: unknown) {
    super('the connection was lost during commit', { cause });
    this.transferIds = transferIds;
  }
}

/** Another transaction holds one of the batch's keys and may be waiting for another one of them. */
export class KeyContention extends Error {
  override readonly name = 'KeyContention';
}

/** Holds whose time is over stand in the way of a request: run the batch again with their expiries in front. */
export class DueHolds extends Error {
  override readonly name = 'DueHolds';
  readonly expiries: readonly Candidate[];

  constructor(expiries: readonly Candidate[]) {
    super('holds are due');
    this.expiries = expiries;
  }
}

/** The balances are locked by now, so the only thing that a write can wait for is a key. */
function asKeyContention(error: unknown): unknown {
  if (!isLockTimeout(error)) return error;
  return new KeyContention('another transaction is posting the same key', { cause: error });
}

/**
 * Takes one batch through the posting pipeline in a database transaction of its own: lock, read, decide, write, commit. Calls
 * `handOver` when everything is sent, so that the lane's next batch can send after it.
 */
export async function postBatch(
  lane: Lane,
  statements: PreparedStatements,
  input: BatchInput,
  handOver: () => void,
): Promise<BatchResult> {
  const { writes, written, begunAtMs, lockedAtMs, ...result } = await withStep(
    input.span,
    'micropay.lock_and_decide',
    () => lockAndDecide(lane, statements, input),
  ).catch(async (error: unknown) => {
    // After any failure the lane's next batch must find no open transaction.
    await lane.executeAll([[ROLLBACK]]);
    throw error;
  });
  await withStep(input.span, writes.length === 0 ? 'micropay.rollback' : 'micropay.write_and_commit', async () => {
    // A failed write turns the following commit into a rollback, so everything can be sent at once, and the next batch too.
    const sent = lane.executeAll(writes.length === 0 ? [[ROLLBACK]] : [...writes, [COMMIT]]);
    handOver();
    const answers = await sent;
    if (writes.length > 0) requireCommitted(answers, written);
  });
  return { ...result, times: { lockMs: lockedAtMs - begunAtMs, transactionMs: performance.now() - begunAtMs } };
}

interface Decided extends Omit<BatchResult, 'times'> {
  /** None when nothing is to be written. */
  readonly writes: readonly Call[];
  readonly written: readonly TransferId[];
  /** When `begin` was answered, and when the balances were locked. */
  readonly begunAtMs: number;
  readonly lockedAtMs: number;
}

async function lockAndDecide(lane: Lane, statements: PreparedStatements, input: BatchInput): Promise<Decided> {
  const { ledger, expiries } = input;
  const candidates = [...expiries, ...input.candidates];
  const reads = readsOf(statements, input);
  let begunAtMs = 0;
  let lockedAtMs = 0;
  const [, ...rows] = await rowsOf(lane, [[lane.begin], ...reads.calls], (index) => {
    if (index === 0) begunAtMs = performance.now();
    else if (index === 1) lockedAtMs = performance.now();
  });
  const executeOne: ExecuteOne = async (statement, values) => (await rowsOf(lane, [[statement, values]]))[0] ?? [];
  const state = await reads.toState(executeOne, rows);
  const busyAccounts = input.onlyFree ? accountsOf(candidates).filter((account) => !state.balances.has(account)) : [];
  const isFree = whichAreFree(candidates, new Set(busyAccounts));
  const decision = decide(
    candidates.filter((_, index) => isFree[index]),
    state,
  );
  const inTheWay = await expiriesInTheWay(executeOne, statements, input, decision, state);
  if (inTheWay.length > 0) throw new DueHolds(inTheWay);
  const outcomes = decision.outcomes[Symbol.iterator]();
  const isExpiryHeldUp = isFree.slice(0, expiries.length).includes(false);
  const answers = candidates.map((candidate, index) => {
    const outcome = isFree[index] ? (outcomes.next().value as Outcome) : BUSY;
    return isExpiryHeldUp && mayLackExpiry(candidate, outcome) ? BUSY : outcome;
  });
  return {
    writes: writeCalls(statements, ledger, decision),
    written: decision.rows.map(({ transfer }) => transfer.id),
    busyAccounts,
    outcomes: answers.slice(expiries.length),
    begunAtMs,
    lockedAtMs,
  };
}

/** A request refused by a limit may succeed once the other account of a due hold is free; ordered requests cannot wait alone. */
function mayLackExpiry({ sequence }: Candidate, outcome: Outcome | typeof BUSY): boolean {
  return sequence === null && outcome instanceof LedgerError && limitedAccount(outcome) !== undefined;
}

/** A request after a busy one of the same ordered call has to wait too. */
function whichAreFree(candidates: readonly Candidate[], busy: ReadonlySet<AccountId>): readonly boolean[] {
  if (busy.size === 0) return candidates.map(() => true);
  const heldSequences = new Set<object>();
  return candidates.map((candidate) => {
    const { sequence } = candidate;
    const free = !touches(candidate, busy) && !(sequence !== null && heldSequences.has(sequence));
    if (!free && sequence !== null) heldSequences.add(sequence);
    return free;
  });
}

export function touches({ legs }: Candidate, accounts: ReadonlySet<AccountId>): boolean {
  return legs.some(({ from, to }) => (from !== null && accounts.has(from)) || (to !== null && accounts.has(to)));
}

function requireCommitted(answers: Answers, transferIds: readonly TransferId[]): void {
  const committed = answers.at(-1);
  const lost = answers.find((answer) => answer.status === 'rejected');
  if (lost !== undefined) {
    if (lost !== committed && sqlState(lost.reason) !== undefined) throw asKeyContention(lost.reason);
    throw new UnconfirmedCommit(transferIds, lost.reason);
  }
  invariant(committed?.status === 'fulfilled' && committed.value.command === 'COMMIT', 'a written batch commits');
}

/** The rows of each statement; throws the first error. */
async function rowsOf(
  lane: Lane,
  ...[calls, onAnswer]: Parameters<Lane['executeAll']>
): Promise<readonly (readonly Row[])[]> {
  const settled = await lane.executeAll(calls, onAnswer);
  return settled.map((result) => {
    if (result.status === 'rejected') throw result.reason;
    return (result as PromiseFulfilledResult<QueryResult<Row>>).value.rows;
  });
}
