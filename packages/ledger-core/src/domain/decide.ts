import { invariant, LedgerError } from '../errors.js';
import type { AccountId, AccountStatus } from './account.js';
import { type Balance, balanceAfter, creditFits, debitFits, keepsMaximum, keepsMinimum } from './balance.js';
import type { KeyDigest, RequestDigest } from './idempotency.js';
import type { PostedTransfer, Transfer, TransferId, TransferLeg } from './transfer.js';

/** One leg with what look-ups found; null for an account that does not exist. */
export interface ResolvedLeg {
  readonly id: TransferId;
  /** True when the caller made the id, which then works as a key. */
  readonly idGiven: boolean;
  readonly leg: TransferLeg;
  readonly from: AccountId | null;
  readonly to: AccountId | null;
}

/** One request of a batch: a transfer of its own, or a linked group. */
export interface Candidate {
  readonly legs: readonly ResolvedLeg[];
  readonly linked: boolean;
  readonly keyDigest: KeyDigest | null;
  /** Null when the request has neither key nor id of the caller's. */
  readonly requestDigest: RequestDigest | null;
  /** Shared by the requests of one call that must apply in order; null for a request of its own. */
  readonly order: object | null;
}

/** A request that the journal holds already. */
export interface StoredRequest {
  readonly requestDigest: RequestDigest | null;
  readonly transfers: readonly Transfer[];
}

/** What was read under the locks, and is carried from one request of the batch to the next. */
export interface BatchState {
  readonly balances: ReadonlyMap<AccountId, Balance>;
  readonly storedByKey: Map<KeyDigest, StoredRequest>;
  readonly storedById: Map<TransferId, StoredRequest>;
  /** Transfers of this very batch that a commit without an answer may have written. */
  readonly unconfirmed: Set<TransferId>;
  /** The database's clock after the locks, in milliseconds since 1970. */
  readonly nowMs: number;
}

/** A journal row to be written. */
export interface JournalRow {
  readonly transfer: Transfer;
  readonly keyDigest: KeyDigest | null;
  readonly requestDigest: RequestDigest | null;
}

export type Outcome = readonly PostedTransfer[] | LedgerError;

export interface Decision {
  /** One outcome a candidate, in the same order. */
  readonly outcomes: readonly Outcome[];
  readonly rows: readonly JournalRow[];
}

/** Judges a batch in order, one request at a time, each on the balances that the ones before it left. */
export function decide(candidates: readonly Candidate[], state: BatchState): Decision {
  const rows: JournalRow[] = [];
  const outcomes = candidates.map((candidate) => decideOne(candidate, state, rows));
  return { outcomes, rows };
}

function decideOne(candidate: Candidate, state: BatchState, rows: JournalRow[]): Outcome {
  const known = findStored(candidate, state);
  if (known !== undefined) return replay(candidate, known, state);
  const undo = candidate.linked ? new Map<Balance, Balance>() : undefined;
  const transfers: Transfer[] = [];
  for (const [index, resolved] of candidate.legs.entries()) {
    const result = postLeg(candidate, resolved, state, undo);
    if (result instanceof LedgerError) {
      for (const [balance, before] of undo ?? []) Object.assign(balance, before);
      return candidate.linked ? ofLeg(result, index) : result;
    }
    transfers.push(result);
  }
  remember(candidate, transfers, state, rows);
  return transfers.map((transfer) => ({ ...transfer, replayed: false }));
}

interface Known {
  readonly stored: StoredRequest;
  /** The refusal, should the stored request be another one. */
  readonly reused: 'idempotency_key_reused' | 'transfer_id_reused';
}

function findStored(candidate: Candidate, state: BatchState): Known | undefined {
  if (candidate.keyDigest !== null) {
    const stored = state.storedByKey.get(candidate.keyDigest);
    if (stored !== undefined) return { stored, reused: 'idempotency_key_reused' };
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
  if (stored.requestDigest !== candidate.requestDigest) return alreadyUsed(reused);
  // This very request, whose commit was not confirmed: it was posted once, so only the first finds it so.
  const ours = stored.transfers[0]?.id === first.id && unconfirmed.delete(first.id);
  return stored.transfers.map((transfer) => ({ ...transfer, replayed: !ours }));
}

/** Checks one leg against the locked balances and, when nothing refuses it, moves the amount. */
function postLeg(
  candidate: Candidate,
  resolved: ResolvedLeg,
  state: BatchState,
  undo: Map<Balance, Balance> | undefined,
): Transfer | LedgerError {
  const { leg } = resolved;
  const from = resolved.from === null ? undefined : state.balances.get(resolved.from);
  if (from === undefined) return accountNotFound('from', leg.from);
  const to = resolved.to === null ? undefined : state.balances.get(resolved.to);
  if (to === undefined) return accountNotFound('to', leg.to);
  const refusal = judge(from, to, leg);
  if (refusal !== undefined) return refusal;

  // From here it must succeed.
  if (undo !== undefined) {
    if (!undo.has(from)) undo.set(from, { ...from });
    if (!undo.has(to)) undo.set(to, { ...to });
  }
  const recordedAtMs = Math.max(state.nowMs, from.recordedAtMs, to.recordedAtMs);
  from.debitsPosted += leg.amount;
  to.creditsPosted += leg.amount;
  touch(from, recordedAtMs);
  touch(to, recordedAtMs);
  const recordedAt = new Date(recordedAtMs);
  return {
    id: resolved.id,
    kind: 'transfer',
    groupId: candidate.linked ? (candidate.legs[0]?.id ?? null) : null,
    from: from.accountId,
    to: to.accountId,
    amount: leg.amount,
    currency: from.currency,
    description: leg.description ?? null,
    metadata: leg.metadata ?? null,
    recordedAt,
    effectiveAt: leg.effectiveAt ?? recordedAt,
    fromBalance: balanceAfter(from),
    toBalance: balanceAfter(to),
  };
}

function judge(from: Balance, to: Balance, leg: TransferLeg): LedgerError | undefined {
  if (from === to) return sameAccount(from);
  if (from.currency !== leg.currency) return currencyMismatch(from, leg);
  if (to.currency !== leg.currency) return currencyMismatch(to, leg);
  return (
    refuseClosed(from) ??
    refuseClosed(to) ??
    refuseFrozen(from, 'debits') ??
    refuseFrozen(to, 'credits') ??
    // A debit lowers a credit-normal account and raises a debit-normal one; a credit the reverse.
    (from.debitNormal ? undefined : refuseLowering(from, leg.amount)) ??
    (to.debitNormal ? refuseLowering(to, leg.amount) : undefined) ??
    (from.debitNormal ? refuseRaising(from, leg.amount) : undefined) ??
    (to.debitNormal ? undefined : refuseRaising(to, leg.amount)) ??
    // Last, so that nobody learns what another account has received without having the money to add to it.
    (debitFits(from, leg.amount) ? undefined : overflow(from)) ??
    (creditFits(to, leg.amount) ? undefined : overflow(to))
  );
}

function touch(balance: Balance, recordedAtMs: number): void {
  balance.version += 1n;
  balance.recordedAtMs = recordedAtMs;
  balance.changed = true;
}

function remember(candidate: Candidate, transfers: readonly Transfer[], state: BatchState, rows: JournalRow[]): void {
  const { keyDigest, requestDigest } = candidate;
  transfers.forEach((transfer, index) => {
    // Key and request sit on the first leg.
    rows.push({
      transfer,
      keyDigest: index === 0 ? keyDigest : null,
      requestDigest: index === 0 ? requestDigest : null,
    });
  });
  if (keyDigest !== null) state.storedByKey.set(keyDigest, { requestDigest, transfers });
  candidate.legs.forEach(({ id, idGiven }) => {
    // Posted now, so the commit that was not confirmed did not take place.
    state.unconfirmed.delete(id);
    if (idGiven) state.storedById.set(id, { requestDigest, transfers });
  });
}

const REFUSING: Readonly<Record<'debits' | 'credits', ReadonlySet<AccountStatus>>> = {
  debits: new Set(['frozen', 'frozen_debits']),
  credits: new Set(['frozen', 'frozen_credits']),
};

function alreadyUsed(code: Known['reused']): LedgerError {
  const what = code === 'idempotency_key_reused' ? 'idempotency key' : 'transfer id';
  return new LedgerError(code, `this ${what} was used for another request: a new intention needs a new one`);
}

function refuseClosed({ accountId, status }: Balance): LedgerError | undefined {
  if (status !== 'closed') return undefined;
  return new LedgerError('account_closed', `account ${accountId} is closed`, { accountId });
}

function refuseFrozen({ accountId, status }: Balance, side: 'debits' | 'credits'): LedgerError | undefined {
  if (status === 'open' || !REFUSING[side].has(status)) return undefined;
  return new LedgerError('account_frozen', `account ${accountId} is frozen for ${side}`, {
    accountId,
    side,
  });
}

function refuseLowering(balance: Balance, amount: bigint): LedgerError | undefined {
  if (keepsMinimum(balance, amount)) return undefined;
  const { accountId } = balance;
  return new LedgerError('insufficient_funds', `account ${accountId} has too little money available`, {
    accountId,
  });
}

function refuseRaising(balance: Balance, amount: bigint): LedgerError | undefined {
  if (keepsMaximum(balance, amount)) return undefined;
  const { accountId } = balance;
  return new LedgerError('maximum_exceeded', `account ${accountId} would exceed its maximum balance`, {
    accountId,
  });
}

function accountNotFound(side: 'from' | 'to', reference: string): LedgerError {
  return new LedgerError('account_not_found', `"${side}" names no account of this ledger`, {
    side,
    account: reference,
  });
}

function sameAccount({ accountId }: Balance): LedgerError {
  return new LedgerError('same_account', 'from and to name the same account', { accountId });
}

function currencyMismatch({ accountId, currency }: Balance, leg: TransferLeg): LedgerError {
  return new LedgerError(
    'currency_mismatch',
    `account ${accountId} holds ${currency}, not ${leg.currency.slice(0, 20)}`,
    { accountId, currency },
  );
}

function overflow({ accountId }: Balance): LedgerError {
  return new LedgerError('balance_overflow', `account ${accountId} would exceed 38 digits`, { accountId });
}

function ofLeg(error: LedgerError, leg: number): LedgerError {
  return new LedgerError(error.code, `leg ${leg}: ${error.message}`, { ...error.details, leg });
}
