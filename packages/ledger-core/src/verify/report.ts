/** One thing that is wrong, and where. */
export interface VerifyProblem {
  readonly kind:
    | 'version_gap'
    | 'wrong_running_balance'
    | 'time_runs_backwards'
    | 'wrong_currency'
    | 'wrong_balance'
    | 'missing_balance'
    | 'unknown_account'
    | 'unbalanced_totals';
  readonly accountId: string | null;
  readonly transferId: string | null;
  readonly expected: string;
  readonly found: string;
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly accounts: number;
  readonly transfers: number;
  /** The first 1,000 problems. */
  readonly problems: readonly VerifyProblem[];
  readonly problemsFound: number;
}
