export interface VerifyOptions {
  /** Accounts per snapshot, 1 to 10,000; default 500. */
  readonly accountsPerChunk?: number;
  readonly onProgress?: (progress: { readonly accountsChecked: number; readonly problems: number }) => void;
}

/** One thing that is wrong, and where. */
export interface VerifyProblem {
  readonly kind:
    | 'version_gap'
    | 'wrong_running_balance'
    | 'wrong_balance'
    | 'time_runs_backwards'
    | 'missing_balance'
    | 'unknown_account'
    | 'wrong_currency'
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
