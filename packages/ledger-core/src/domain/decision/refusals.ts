import type { LedgerError, LedgerErrorCode } from '../../errors.js';
import type { AccountStatus } from '../accounts/account.js';
import { accountRefusal } from '../accounts/account-refusal.js';
import { availableOf, type Balance, creditFits, debitFits, keepsMaximum, keepsMinimum, roomOf } from './balance.js';

/** Whose limits count: those of both accounts, or of `from` alone. */
export type LimitsOf = 'both' | 'from';

/** Says why one amount may not move from one account to another; undefined when it may. */
export function refuseMovement(
  from: Balance,
  to: Balance,
  amount: bigint,
  limitsOf: LimitsOf,
): LedgerError | undefined {
  return refuseStatus(from, to) ?? refuseLowering(from, to, amount) ?? refuseRaising(from, to, amount, limitsOf);
}

export function refuseStatus(from: Balance, to: Balance): LedgerError | undefined {
  return refuseClosed(from) ?? refuseClosed(to) ?? refuseFrozen(from, 'debits') ?? refuseFrozen(to, 'credits');
}

/** A debit lowers a credit-normal account and a credit a debit-normal one. */
export function refuseLowering(from: Balance, to: Balance, amount: bigint): LedgerError | undefined {
  return (
    (from.debitNormal || keepsMinimum(from, amount) ? undefined : insufficientFunds(from, amount)) ??
    (!to.debitNormal || keepsMinimum(to, amount) ? undefined : insufficientFunds(to, amount))
  );
}

/** A debit raises a debit-normal account and a credit a credit-normal one. */
export function refuseRaising(from: Balance, to: Balance, amount: bigint, limitsOf: LimitsOf): LedgerError | undefined {
  const isToAsked = limitsOf === 'both';
  return (
    (!from.debitNormal || keepsMaximum(from, amount) ? undefined : maximumExceeded(from, amount)) ??
    (!isToAsked || to.debitNormal || keepsMaximum(to, amount) ? undefined : maximumExceeded(to, amount)) ??
    // Last, so that nobody learns what another account has received without having the money to add to it.
    (debitFits(from, amount) ? undefined : overflow(from)) ??
    (!isToAsked || creditFits(to, amount) ? undefined : overflow(to))
  );
}

const REFUSING: Readonly<Record<'debits' | 'credits', ReadonlySet<AccountStatus>>> = {
  debits: new Set(['frozen', 'frozen_debits']),
  credits: new Set(['frozen', 'frozen_credits']),
};

function refuseClosed({ accountId, status }: Balance): LedgerError | undefined {
  return status === 'closed' ? accountRefusal('account_closed', { accountId }) : undefined;
}

function refuseFrozen({ accountId, status }: Balance, side: 'debits' | 'credits'): LedgerError | undefined {
  if (status === 'open' || !REFUSING[side].has(status)) return undefined;
  return accountRefusal('account_frozen', { accountId, side });
}

function insufficientFunds(balance: Balance, amount: bigint): LedgerError {
  const { accountId, currency } = balance;
  const available = String(availableOf(balance));
  return accountRefusal('insufficient_funds', { accountId, currency, available, needed: String(amount) });
}

function maximumExceeded(balance: Balance, amount: bigint): LedgerError {
  const { accountId, currency, maximum } = balance;
  const room = String(roomOf(balance));
  return accountRefusal('maximum_exceeded', {
    accountId,
    currency,
    maximum: String(maximum),
    room,
    needed: String(amount),
  });
}

function overflow({ accountId }: Balance): LedgerError {
  return accountRefusal('balance_overflow', { accountId });
}

const OF_LIMITS: ReadonlySet<LedgerErrorCode> = new Set<LedgerErrorCode>([
  'insufficient_funds',
  'maximum_exceeded',
  'balance_overflow',
]);

/** The account whose limit refused; a hold of its own that is due may be what stands in the way. */
export function limitedAccount({ code, details }: LedgerError): string | undefined {
  return OF_LIMITS.has(code) ? String(details.accountId) : undefined;
}
