import { invariant, LedgerError } from '../../errors.js';
import { result } from '../json/result.js';
import type { HeldAmount } from '../transfers/hold.js';
import type { KeyDigest, RequestDigest } from '../transfers/idempotency.js';
import type { PostedTransfer, Transfer, TransferId } from '../transfers/transfer.js';
import type { Balance } from './balance.js';
import { type LimitChange, move, type PostingState, type ResolvedLeg, type Undo } from './move.js';

/** One request of a batch: a leg of its own, or a linked group. */
export interface Candidate {
  readonly legs: readonly ResolvedLeg[];
  readonly linked: boolean;
  /** Judged like the others, and then as if it had never been there. */
  readonly dryRun: boolean;
  readonly keyDigest: KeyDigest | null;
  /** Null when the request has neither key nor id of the caller's. */
  readonly requestDigest: RequestDigest | null;
  /** Shared by the requests of one call that must apply in order; null for a request of its own. */
  readonly sequence: object | null;
  /** The trace that its rows belong to. */
  readonly traceparent: string | null;
}

/** A request that is stored already. */
export interface StoredRequest {
  readonly requestDigest: RequestDigest | null;
  /** The transfers that it posted, or its final refusal; null for a transfer request that is still open. */
  readonly outcome: readonly Omit<PostedTransfer, 'replayed'>[] | LedgerError | null;
}

/** The state read under the locks, which each request of the batch passes on to the next. */
export interface BatchState extends PostingState {
  readonly storedByKey: Map<KeyDigest, StoredRequest>;
  readonly storedById: Map<TransferId, StoredRequest>;
  /** Transfers of this very batch that a commit without an answer may have written. */
  readonly unconfirmed: Set<TransferId>;
}

/** A journal row to be written. */
export interface JournalRow {
  readonly transfer: Transfer;
  readonly keyDigest: KeyDigest | null;
  readonly requestDigest: RequestDigest | null;
  readonly traceparent: string | null;
  /** Somebody knew its id before, so that another request may come with it. */
  readonly isIdKnown: boolean;
}

export type Outcome = readonly PostedTransfer[] | LedgerError;

export interface Decision {
  /** One outcome a candidate, in the same order. */
  readonly outcomes: readonly Outcome[];
  /** The rows to write, all or none. */
  readonly rows: readonly JournalRow[];
  readonly balances: readonly Balance[];
  readonly holds: readonly HeldAmount[];
  readonly limitChanges: readonly LimitChange[];
}

/** Judges a batch in order, one request at a time, each on the balances that the ones before it left. */
export function decide(candidates: readonly Candidate[], state: BatchState): Decision {
  const rows: JournalRow[] = [];
  const outcomes = candidates.map((candidate) => decideOne(candidate, state, rows));
  return {
    outcomes,
    rows,
    balances: changedOf(state.balances.values()),
    holds: changedOf(state.holds.values()),
    limitChanges: state.limitChanges,
  };
}

function changedOf<Kept extends { readonly changed: boolean }>(all: Iterable<Kept>): readonly Kept[] {
  return [...all].filter(({ changed }) => changed);
}

function decideOne(candidate: Candidate, state: BatchState, rows: JournalRow[]): Outcome {
  const known = findStored(candidate, state);
  if (known !== undefined) return replay(candidate, known, state);
  const { linked, dryRun } = candidate;
  const undo: Undo = linked || dryRun ? [] : undefined;
  const groupId = linked ? (candidate.legs[0]?.id ?? null) : null;
  const transfers: PostedTransfer[] = [];
  let hidden: LedgerError | undefined;
  for (const resolved of candidate.legs) {
    let result = move(resolved, groupId, state, undo);
    if (linked && result instanceof LedgerError && isOfPayeesLimits(result, resolved)) {
      // A group that fails anyway must not reveal how much another account may receive, so maximums are checked last.
      hidden ??= ofLeg(result, transfers.length);
      result = move({ ...resolved, limitsOf: 'from' }, groupId, state, undo);
    }
    if (result instanceof LedgerError) {
      takeBack(undo);
      return linked ? ofLeg(result, transfers.length) : result;
    }
    transfers.push(result);
  }
  if (hidden !== undefined) {
    takeBack(undo);
    return hidden;
  }
  if (dryRun) takeBack(undo);
  else remember(candidate, transfers, state, rows);
  return transfers;
}

function isOfPayeesLimits({ code, details }: LedgerError, { to }: ResolvedLeg): boolean {
  return (code === 'maximum_exceeded' || code === 'balance_overflow') && details.accountId === to;
}

function takeBack(undo: Undo): void {
  for (const step of undo?.reverse() ?? []) step();
}

interface Known {
  readonly stored: StoredRequest;
  /** The refusal, should the stored request be another one. */
  readonly reused: 'idempotency_key_reused' | 'transfer_id_reused';
}

function findStored(candidate: Candidate, state: BatchState): Known | undefined {
  if (candidate.keyDigest !== null) {
    const stored = state.storedByKey.get(candidate.keyDigest);
    // This very transfer, to be posted later, is posted now: its request settles with it.
    const isToCome = stored?.outcome === null && stored.requestDigest === candidate.requestDigest;
    if (stored !== undefined && !isToCome) return { stored, reused: 'idempotency_key_reused' };
  }
  if (state.storedById.size === 0) return undefined;
  for (const { id } of candidate.legs) {
    const stored = state.storedById.get(id);
    if (stored !== undefined) return { stored, reused: 'transfer_id_reused' };
  }
  return undefined;
}

function replay(candidate: Candidate, { stored, reused }: Known, { unconfirmed }: BatchState): Outcome {
  const first = candidate.legs[0];
  invariant(first !== undefined, 'a request has at least one leg');
  const { requestDigest, outcome } = stored;
  if (requestDigest !== candidate.requestDigest || outcome === null) return alreadyUsed(reused);
  if (outcome instanceof LedgerError) return outcome;
  // This very request, whose commit was not confirmed: it was posted once, so only the first finds it so.
  const ours = outcome[0]?.id === first.id && unconfirmed.delete(first.id);
  return outcome.map((transfer) => result({ ...transfer, replayed: !ours }));
}

function remember(candidate: Candidate, transfers: readonly Transfer[], state: BatchState, rows: JournalRow[]): void {
  const { keyDigest, requestDigest, traceparent } = candidate;
  transfers.forEach((transfer, index) => {
    // Key and request sit on the first leg.
    rows.push({
      transfer,
      keyDigest: index === 0 ? keyDigest : null,
      requestDigest: index === 0 ? requestDigest : null,
      traceparent,
      isIdKnown: candidate.legs[index]?.idGiven === true,
    });
  });
  if (keyDigest !== null) state.storedByKey.set(keyDigest, { requestDigest, outcome: transfers });
  candidate.legs.forEach(({ id, idGiven }) => {
    // Posted now, so the commit that was not confirmed did not take place.
    state.unconfirmed.delete(id);
    if (idGiven) state.storedById.set(id, { requestDigest, outcome: transfers });
  });
}

function alreadyUsed(code: Known['reused']): LedgerError {
  const what = code === 'idempotency_key_reused' ? 'idempotency key' : 'transfer id';
  return new LedgerError(
    code,
    `this ${what} was already used for a different request: use a new key for a new request`,
  );
}

function ofLeg(error: LedgerError, leg: number): LedgerError {
  return new LedgerError(error.code, `leg ${leg}: ${error.message}`, { ...error.details, leg });
}
