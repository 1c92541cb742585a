import { LedgerError, type LedgerErrorCode } from '../errors.js';
import type { AccountStatus } from './account.js';
import { type Balance, creditFits, debitFits, keepsMaximum, keepsMinimum } from './balance.js';

/** Says why one amount may not move from one account to another; undefined when it may. */
export function refuseMovement(from: Balance, to: Balance, amount: bigint): LedgerError | undefined {
  return refuseStatus(from, to) ?? refuseLowering(from, to, amount) ?? refuseRaising(from, to, amount);
}

export function refuseStatus(from: Balance, to: Balance): LedgerError | undefined {
  return refuseClosed(from) ?? refuseClosed(to) ?? refuseFrozen(from, 'debits') ?? refuseFrozen(to, 'credits');
}

/** A debit lowers a credit-normal account and a credit a debit-normal one. */
export function refuseLowering(from: Balance, to: Balance, amount: bigint): LedgerError | undefined {
  return (
    (from.debitNormal || keepsMinimum(from, amount) ? undefined : insufficientFunds(from)) ??
    (!to.debitNormal || keepsMinimum(to, amount) ? undefined : insufficientFunds(to))
  );
}

/** A debit raises a debit-normal account and a credit a credit-normal one. */
export function refuseRaising(from: Balance, to: Balance, amount: bigint): LedgerError | undefined {
  return (
    (!from.debitNormal || keepsMaximum(from, amount) ? undefined : maximumExceeded(from)) ??
    (to.debitNormal || keepsMaximum(to, amount) ? undefined : maximumExceeded(to)) ??
    // Last, so that nobody learns what another account has received without having the money to add to it.
    (debitFits(from, amount) ? undefined : overflow(from)) ??
    (creditFits(to, amount) ? undefined : overflow(to))
  );
}

const REFUSING: Readonly<Record<'debits' | 'credits', ReadonlySet<AccountStatus>>> = {
  debits: new Set(['frozen', 'frozen_debits']),
  credits: new Set(['frozen', 'frozen_credits']),
};

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

function insufficientFunds({ accountId }: Balance): LedgerError {
  return new LedgerError('insufficient_funds', `account ${accountId} has too little money available`, {
    accountId,
  });
}

function maximumExceeded({ accountId }: Balance): LedgerError {
  return new LedgerError('maximum_exceeded', `account ${accountId} would exceed its maximum balance`, {
    accountId,
  });
}

function overflow({ accountId }: Balance): LedgerError {
  return new LedgerError('balance_overflow', `account ${accountId} would exceed 38 digits`, { accountId });
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
