/** One problem, with its account and transfer. */
export interface VerifyProblem {
  readonly kind:
    | 'version_gap'
    | 'wrong_running_balance'
    | 'wrong_running_pending'
    | 'time_runs_backwards'
    | 'position_out_of_order'
    | 'wrong_currency'
    | 'wrong_balance'
    | 'missing_balance'
    | 'missing_event'
    | 'wrong_limits'
    | 'hold_out_of_step'
    | 'request_out_of_step'
    | 'key_out_of_step'
    | 'unknown_original'
    | 'excess_reversal'
    | 'unknown_account'
    | 'unbalanced_totals'
    | 'checkpoint_out_of_step';
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

/** Converts a row of SQL with these columns to a problem. */
export function toProblem(row: Readonly<Record<string, unknown>>): VerifyProblem {
  return {
    kind: row.kind as VerifyProblem['kind'],
    accountId: row.account_id as string | null,
    transferId: row.transfer_id as string | null,
    expected: String(row.expected),
    found: String(row.found),
  };
}

/** A checkpoint that differs from the journal: `expected` and `found`, and `account_id` if it belongs to an account. */
export function outOfStep(row: Readonly<Record<string, unknown>>): VerifyProblem {
  return toProblem({ account_id: null, transfer_id: null, ...row, kind: 'checkpoint_out_of_step' });
}
