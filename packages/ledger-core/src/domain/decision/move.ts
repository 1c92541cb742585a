import { LedgerError } from '../../errors.js';
import type { AccountId } from '../accounts/account.js';
import { accountRefusal } from '../accounts/account-refusal.js';
import type { Audit } from '../input/audit.js';
import { result } from '../json/result.js';
import { type CaptureLeg, type HeldAmount, type HoldLeg, isDue, type ReleaseLeg } from '../transfers/hold.js';
import type { ExpiryLeg, Leg } from '../transfers/leg.js';
import { isReversible, type Original, type ReversalLeg } from '../transfers/reversal.js';
import type { LoweredMinimum, PostedTransfer, TransferId, TransferKind, TransferLeg } from '../transfers/transfer.js';
import { availableOf, type Balance, balanceAfter } from './balance.js';
import { type LimitsOf, refuseLowering, refuseMovement, refuseRaising, refuseStatus } from './refusals.js';

/** One leg with what look-ups found; null for an account that does not exist. */
export interface ResolvedLeg {
  readonly id: TransferId;
  /** True when the caller made the id, which then works as a key. */
  readonly idGiven: boolean;
  readonly leg: Leg;
  readonly from: AccountId | null;
  readonly to: AccountId | null;
  readonly limitsOf: LimitsOf;
  /** When the hold or transfer that it continues is effective; null for a leg that stands alone. */
  readonly originalEffectiveAt: Date | null;
}

/** A minimum that an operator's reversal lowered. */
export interface LimitChange extends LoweredMinimum {
  readonly transferId: TransferId;
  readonly maximum: bigint | null;
  readonly audit: Audit;
}

/** The state read under the locks, which each leg of the batch passes on to the next. */
export interface PostingState {
  readonly balances: ReadonlyMap<AccountId, Balance>;
  readonly holds: Map<TransferId, HeldAmount>;
  readonly originals: ReadonlyMap<TransferId, Original>;
  readonly limitChanges: LimitChange[];
  /** Accounts whose minimum was lowered, in a dry run too. */
  readonly lowered: Set<AccountId>;
  /** The database's clock after the locks, in milliseconds since 1970. */
  readonly nowMs: number;
}

/** Undo functions of the legs, last first; undefined if legs are final once applied. */
export type Undo = (() => void)[] | undefined;

interface Sides {
  readonly from: Balance;
  readonly to: Balance;
  /** Never before the last change of either account. */
  readonly nowMs: number;
}

/** Checks one leg against the posting state and, when nothing refuses it, moves its amount. */
export function move(
  resolved: ResolvedLeg,
  groupId: TransferId | null,
  postingState: PostingState,
  undo: Undo,
): PostedTransfer | LedgerError {
  const { leg } = resolved;
  switch (leg.kind) {
    case 'hold':
      return placeHold(resolved, leg, groupId, postingState, undo);
    case 'capture':
      return captureHold(resolved, leg, groupId, postingState, undo);
    case 'release':
    case 'expiry':
      return endHold(resolved, leg, groupId, postingState, undo);
    case 'reversal':
      return reverse(resolved, leg, groupId, postingState, undo);
    default:
      return post(resolved, leg, groupId, postingState, undo);
  }
}

function post(
  resolved: ResolvedLeg,
  leg: TransferLeg,
  groupId: TransferId | null,
  postingState: PostingState,
  undo: Undo,
) {
  const sides = namedSides(resolved, leg, postingState);
  if (sides instanceof LedgerError) return sides;
  const refusal = refuseMovement(sides.from, sides.to, leg.amount, resolved.limitsOf);
  if (refusal !== undefined) return refusal;
  change(sides, { posted: leg.amount, pending: 0n }, undo);
  return toTransfer(resolved, groupId, sides, { kind: 'transfer', amount: leg.amount, effectiveAt: leg.effectiveAt });
}

function placeHold(
  resolved: ResolvedLeg,
  leg: HoldLeg,
  groupId: TransferId | null,
  postingState: PostingState,
  undo: Undo,
) {
  const sides = namedSides(resolved, leg, postingState);
  if (sides instanceof LedgerError) return sides;
  const { from, to, nowMs } = sides;
  const { amount, currency, expiresAt = null, reference = null } = leg;
  const expiresAtMs = expiresAt?.getTime() ?? null;
  if (expiresAtMs !== null && expiresAtMs <= nowMs) {
    return new LedgerError('expiry_in_past', 'expiresAt must lie in the future', {
      now: new Date(nowMs).toISOString(),
    });
  }
  const refusal = refuseMovement(from, to, amount, resolved.limitsOf);
  if (refusal !== undefined) return refusal;
  change(sides, { posted: 0n, pending: amount }, undo);
  const { id } = resolved;
  const state = 'open' as const;
  undo?.push(() => postingState.holds.delete(id));
  postingState.holds.set(id, {
    id,
    currency,
    amount,
    expiresAtMs,
    reference,
    from: from.accountId,
    to: to.accountId,
    captured: 0n,
    remaining: amount,
    state,
    changed: true,
  });
  return toTransfer(resolved, groupId, sides, { kind: 'hold', amount, expiresAt });
}

function captureHold(
  resolved: ResolvedLeg,
  leg: CaptureLeg,
  groupId: TransferId | null,
  postingState: PostingState,
  undo: Undo,
) {
  const found = openHold(resolved, leg.hold, postingState);
  if (found instanceof LedgerError) return found;
  const { hold, sides } = found;
  // The held amount already counts towards the limits, so only the status can refuse the capture.
  const refusal =
    (isDue(hold, sides.nowMs) ? holdClosed(hold, 'expired') : undefined) ??
    refuseEarly(resolved, leg.effectiveAt, { holdId: hold.id }) ??
    refuseStatus(sides.from, sides.to);
  if (refusal !== undefined) return refusal;
  const amount = leg.amount ?? hold.remaining;
  if (amount > hold.remaining) {
    return new LedgerError(
      'capture_exceeds_hold',
      `hold ${hold.id} still holds ${hold.remaining}: capture at most that`,
      {
        holdId: hold.id,
        remaining: String(hold.remaining),
      },
    );
  }
  const released = leg.final === true ? hold.remaining - amount : 0n;
  change(sides, { posted: amount, pending: -amount - released }, undo);
  reduce(hold, amount + released, 'captured', undo);
  hold.captured += amount;
  return toTransfer(resolved, groupId, sides, {
    kind: 'capture',
    amount,
    released,
    originalId: hold.id,
    effectiveAt: effectiveAtOf(resolved, leg.effectiveAt, sides),
  });
}

/** Works on a frozen account too: it returns money to the payer, who still owns it. */
function endHold(
  resolved: ResolvedLeg,
  leg: ReleaseLeg | ExpiryLeg,
  groupId: TransferId | null,
  postingState: PostingState,
  undo: Undo,
) {
  const found = openHold(resolved, leg.hold, postingState);
  if (found instanceof LedgerError) return found;
  const { hold, sides } = found;
  if (leg.kind === 'release' && isDue(hold, sides.nowMs)) return holdClosed(hold, 'expired');
  const amount = hold.remaining;
  change(sides, { posted: 0n, pending: -amount }, undo);
  reduce(hold, amount, leg.kind === 'release' ? 'released' : 'expired', undo);
  return toTransfer(resolved, groupId, sides, { kind: leg.kind, amount, originalId: hold.id });
}

function reverse(
  resolved: ResolvedLeg,
  leg: ReversalLeg,
  groupId: TransferId | null,
  postingState: PostingState,
  undo: Undo,
) {
  const original = postingState.originals.get(leg.transfer as TransferId);
  const sides = sidesOf(resolved, postingState);
  if (original === undefined || sides === undefined) return transferNotFound(leg.transfer);
  const { transfer } = original;
  if (!isReversible(transfer)) {
    return new LedgerError(
      'not_reversible',
      `transfer ${transfer.id} is a ${transfer.kind}, which cannot be reversed`,
      {
        kind: transfer.kind,
      },
    );
  }
  const { from, to } = sides;
  const statusRefusal = refuseEarly(resolved, leg.effectiveAt, { transferId: transfer.id }) ?? refuseStatus(from, to);
  if (statusRefusal !== undefined) return statusRefusal;
  const left = transfer.amount - original.reversed;
  const amount = leg.amount ?? left;
  if (amount > left || left === 0n) {
    return new LedgerError(
      'reversal_exceeds_transfer',
      `only ${left} of transfer ${transfer.id} can still be reversed`,
      {
        transferId: transfer.id,
        left: String(left),
      },
    );
  }
  const { allowOverdraft } = leg;
  const effectiveAt = effectiveAtOf(resolved, leg.effectiveAt, sides);
  const refusal =
    (allowOverdraft === undefined ? refuseLowering(from, to, amount) : undefined) ??
    refuseRaising(from, to, amount, resolved.limitsOf);
  if (refusal !== undefined) return refusal;
  const loweredMinimums =
    allowOverdraft === undefined
      ? []
      : lowerMinimums(resolved.id, sides, { amount, audit: allowOverdraft }, postingState, undo);
  change(sides, { posted: amount, pending: 0n }, undo);
  undo?.push(() => {
    original.reversed -= amount;
  });
  original.reversed += amount;
  const reversal = toTransfer(resolved, groupId, sides, {
    kind: 'reversal',
    amount,
    originalId: transfer.id,
    effectiveAt,
  });
  return loweredMinimums.length === 0 ? reversal : result({ ...reversal, loweredMinimums });
}

/** Money cannot go back before it came: balances by effective time would fall below their minimum. */
function refuseEarly(
  { originalEffectiveAt }: ResolvedLeg,
  effectiveAt: Date | undefined,
  original: { readonly holdId: TransferId } | { readonly transferId: TransferId },
): LedgerError | undefined {
  if (effectiveAt === undefined || originalEffectiveAt === null || effectiveAt >= originalEffectiveAt) return undefined;
  const earliest = originalEffectiveAt.toISOString();
  return new LedgerError(
    'effective_before_original',
    `effectiveAt must not be before ${earliest}, the effective time of the original`,
    {
      ...original,
      effectiveAt: earliest,
    },
  );
}

/** Unless its caller says when: as soon as it is recorded, but not before what it continues; undefined for when it is recorded. */
function effectiveAtOf(
  { originalEffectiveAt }: ResolvedLeg,
  effectiveAt: Date | undefined,
  { nowMs }: Sides,
): Date | undefined {
  if (effectiveAt !== undefined || originalEffectiveAt === null) return effectiveAt;
  return originalEffectiveAt.getTime() > nowMs ? originalEffectiveAt : undefined;
}

/** Lowers the minimum of whichever side a movement takes below it to the balance that results, for good. */
function lowerMinimums(
  transferId: TransferId,
  { from, to }: Sides,
  { amount, audit }: { readonly amount: bigint; readonly audit: Audit },
  { limitChanges, lowered }: PostingState,
  undo: Undo,
): readonly LoweredMinimum[] {
  const loweredMinimums: LoweredMinimum[] = [];
  for (const balance of [from, to]) {
    const isLowered = balance === from ? !balance.debitNormal : balance.debitNormal;
    const available = availableOf(balance);
    if (!isLowered || available === null || balance.minimum === null || amount <= available) continue;
    const minimumBefore = balance.minimum;
    undo?.push(() => {
      balance.minimum = minimumBefore;
      limitChanges.pop();
    });
    balance.minimum = minimumBefore + available - amount;
    const { accountId, minimum, maximum } = balance;
    lowered.add(accountId);
    limitChanges.push({ transferId, accountId, minimumBefore, minimum, maximum, audit });
    loweredMinimums.push(result({ accountId, minimumBefore, minimum }));
  }
  return loweredMinimums;
}

/** The two accounts that a leg names itself, of its currency. */
function namedSides(
  resolved: ResolvedLeg,
  leg: TransferLeg | HoldLeg,
  postingState: PostingState,
): Sides | LedgerError {
  const from = balanceOf(resolved.from, postingState);
  if (from === undefined) return accountNotFound('from', leg.from);
  const to = balanceOf(resolved.to, postingState);
  if (to === undefined) return accountNotFound('to', leg.to);
  if (from === to)
    return new LedgerError('same_account', 'from and to name the same account', { accountId: from.accountId });
  if (from.currency !== leg.currency) return currencyMismatch(from, leg.currency);
  if (to.currency !== leg.currency) return currencyMismatch(to, leg.currency);
  return { from, to, nowMs: postingTimeMs(postingState, from, to) };
}

function openHold(
  resolved: ResolvedLeg,
  holdId: string,
  postingState: PostingState,
): { readonly hold: HeldAmount; readonly sides: Sides } | LedgerError {
  const hold = postingState.holds.get(holdId as TransferId);
  const sides = sidesOf(resolved, postingState);
  if (hold === undefined || sides === undefined) {
    return new LedgerError('hold_not_found', 'no hold in this ledger has this id', { holdId });
  }
  return hold.state === 'open' ? { hold, sides } : holdClosed(hold, hold.state);
}

function sidesOf(resolved: ResolvedLeg, postingState: PostingState): Sides | undefined {
  const from = balanceOf(resolved.from, postingState);
  const to = balanceOf(resolved.to, postingState);
  return from && to && { from, to, nowMs: postingTimeMs(postingState, from, to) };
}

function balanceOf(accountId: AccountId | null, { balances }: PostingState): Balance | undefined {
  return accountId === null ? undefined : balances.get(accountId);
}

/** The latest of the clock and the last changes of both accounts, so that time never runs backwards within an account. */
function postingTimeMs({ nowMs }: PostingState, from: Balance, to: Balance): number {
  return Math.max(nowMs, from.recordedAtMs, to.recordedAtMs);
}

interface Change {
  readonly posted: bigint;
  readonly pending: bigint;
}

/** Debits one side and credits the other. From here it must succeed. */
function change({ from, to, nowMs }: Sides, { posted, pending }: Change, undo: Undo): void {
  undo?.push(restoring(from), restoring(to));
  from.debitsPosted += posted;
  to.creditsPosted += posted;
  from.debitsPending += pending;
  to.creditsPending += pending;
  touch(from, nowMs);
  touch(to, nowMs);
}

function touch(balance: Balance, recordedAtMs: number): void {
  balance.version += 1n;
  balance.recordedAtMs = recordedAtMs;
  balance.changed = true;
}

function reduce(hold: HeldAmount, amount: bigint, stateAtZero: HeldAmount['state'], undo: Undo): void {
  undo?.push(restoring(hold));
  hold.remaining -= amount;
  if (hold.remaining === 0n) hold.state = stateAtZero;
  hold.changed = true;
}

function restoring<Kept extends object>(kept: Kept): () => void {
  const before = { ...kept };
  return () => Object.assign(kept, before);
}

interface Recorded {
  readonly kind: TransferKind;
  readonly amount: bigint;
  readonly effectiveAt?: Date | undefined;
  readonly originalId?: TransferId | null;
  readonly released?: bigint;
  readonly expiresAt?: Date | null;
}

const SILENT: Pick<TransferLeg, 'description' | 'metadata' | 'reference'> = {};

function toTransfer(
  { id, leg }: ResolvedLeg,
  groupId: TransferId | null,
  { from, to, nowMs }: Sides,
  { kind, amount, effectiveAt, originalId = null, released = 0n, expiresAt = null }: Recorded,
): PostedTransfer {
  const recordedAt = new Date(nowMs);
  const { description = null, metadata = null, reference = null } = leg.kind === 'expiry' ? SILENT : leg;
  return result({
    id,
    kind,
    groupId,
    from: from.accountId,
    to: to.accountId,
    amount,
    currency: from.currency,
    description,
    metadata,
    reference,
    recordedAt,
    effectiveAt: effectiveAt ?? recordedAt,
    originalId,
    released,
    expiresAt,
    fromBalance: balanceAfter(from),
    toBalance: balanceAfter(to),
    replayed: false,
  });
}

function accountNotFound(side: 'from' | 'to', reference: string): LedgerError {
  return new LedgerError('account_not_found', `"${side}": no account in this ledger has this id or address`, {
    side,
    account: reference,
  });
}

function currencyMismatch({ accountId, currency }: Balance, asked: string): LedgerError {
  return accountRefusal('currency_mismatch', { accountId, currency, asked: asked.slice(0, 20) });
}

function holdClosed({ id }: HeldAmount, state: HeldAmount['state']): LedgerError {
  return new LedgerError('hold_closed', `hold ${id} is ${state}`, { holdId: id, state });
}

export function transferNotFound(transferId: string): LedgerError {
  return new LedgerError('transfer_not_found', 'no transfer in this ledger has this id', { transferId });
}
