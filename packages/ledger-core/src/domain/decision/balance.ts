import type { AccountId, AccountStatus } from '../accounts/account.js';
import { result } from '../json/result.js';
import { AMOUNT_BOUND } from '../money/money.js';
import type { BalanceAfter } from '../transfers/transfer.js';

/** A locked balance while a batch is decided; `changed` once a transfer has touched it. */
export interface Balance {
  readonly accountId: AccountId;
  readonly debitNormal: boolean;
  readonly currency: string;
  readonly status: AccountStatus;
  minimum: bigint | null;
  readonly maximum: bigint | null;
  debitsPosted: bigint;
  creditsPosted: bigint;
  debitsPending: bigint;
  creditsPending: bigint;
  version: bigint;
  /** Milliseconds since 1970 of the last change. */
  recordedAtMs: number;
  changed: boolean;
}

/** The totals of an account, whichever row they come from. */
export type BalanceTotals = Pick<
  Balance,
  'debitNormal' | 'debitsPosted' | 'creditsPosted' | 'debitsPending' | 'creditsPending'
>;

/** The settled balance, positive on the normal side. */
export function postedOf(balance: BalanceTotals): bigint {
  return balance.debitNormal
    ? balance.debitsPosted - balance.creditsPosted
    : balance.creditsPosted - balance.debitsPosted;
}

/** Held amounts that would raise the balance. */
export function pendingInOf(balance: BalanceTotals): bigint {
  return balance.debitNormal ? balance.debitsPending : balance.creditsPending;
}

/** Held amounts that would lower the balance. */
export function pendingOutOf(balance: BalanceTotals): bigint {
  return balance.debitNormal ? balance.creditsPending : balance.debitsPending;
}

/** The amount that can be spent now; null if the account has no minimum. */
export function availableOf(balance: BalanceTotals & Pick<Balance, 'minimum'>): bigint | null {
  if (balance.minimum === null) return null;
  return postedOf(balance) - pendingOutOf(balance) - balance.minimum;
}

/** True when a debit of `amount` keeps every stored number within 38 digits. */
export function debitFits(balance: Balance, amount: bigint): boolean {
  return balance.debitsPosted + balance.debitsPending + amount < AMOUNT_BOUND;
}

/** True when a credit of `amount` keeps every stored number within 38 digits. */
export function creditFits(balance: Balance, amount: bigint): boolean {
  return balance.creditsPosted + balance.creditsPending + amount < AMOUNT_BOUND;
}

/** True when lowering the balance by `amount` keeps the minimum, counting outgoing holds. */
export function keepsMinimum(balance: Balance, amount: bigint): boolean {
  const available = availableOf(balance);
  return available === null || amount <= available;
}

/** The amount that can still come in, counting incoming holds; null if the account has no maximum. */
export function roomOf(balance: BalanceTotals & Pick<Balance, 'maximum'>): bigint | null {
  if (balance.maximum === null) return null;
  return balance.maximum - postedOf(balance) - pendingInOf(balance);
}

/** True when raising the balance by `amount` keeps the maximum, counting incoming holds. */
export function keepsMaximum(balance: Balance, amount: bigint): boolean {
  const room = roomOf(balance);
  return room === null || amount <= room;
}

export function balanceAfter(balance: Balance): BalanceAfter {
  return result({
    posted: postedOf(balance),
    pendingIn: pendingInOf(balance),
    pendingOut: pendingOutOf(balance),
    version: balance.version,
  });
}
