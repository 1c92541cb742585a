import type { AccountType } from '../domain/account.js';

/** Sums of minor units over accounts of one currency and type. */
export interface TrialBalanceLine {
  readonly currency: string;
  readonly type: AccountType;
  readonly accounts: number;
  readonly debits: bigint;
  readonly credits: bigint;
}

export interface TrialBalance {
  readonly lines: readonly TrialBalanceLine[];
  /** Debits and credits of each currency; equal, or the ledger is broken. */
  readonly totals: readonly { readonly currency: string; readonly debits: bigint; readonly credits: bigint }[];
  readonly balanced: boolean;
}
