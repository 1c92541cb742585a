/**
 * Positions are drawn before commit, so a position that is missing may still appear: its transaction may be
 * under way. A gap is final once every transaction that could have drawn it has ended.
 *
 * A transaction draws positions after it has its id. So when a snapshot shows a row of a ledger at some position, every
 * position of that ledger below it was drawn by a transaction whose id is older than any id handed out later: the bound.
 * A still later snapshot whose oldest running transaction is not older than the bound shows all of them
 * that were ever committed. So does a snapshot that was taken after every one of them that had drawn a position had ended.
 */
export interface Bound {
  /** A transaction id that was handed out after `through` had been seen. */
  readonly transactionId: bigint;
  /** Positions up to this one are final once the bound is reached. */
  readonly through: bigint;
  /** Before the snapshot was taken, every transaction older than the bound that had drawn a position had ended. */
  readonly isReached: boolean;
}

/** The transactions that a snapshot sees as running. */
export interface Horizon {
  readonly oldestRunning: bigint;
  /** Greater than every id of a transaction that had ended. */
  readonly nextId: bigint;
}

/** Whether a snapshot shows every row below a bound, or not yet, or is of another server than the bound. */
export function judge(bound: Bound, { oldestRunning, nextId }: Horizon): 'final' | 'open' | 'foreign' {
  // The bound's own transaction has ended, so the server that handed it out is past it: the ledger has moved since.
  if (nextId <= bound.transactionId) return 'foreign';
  return bound.isReached || oldestRunning >= bound.transactionId ? 'final' : 'open';
}

export interface Settled<Row> {
  /** Rows that may be handed on: no row can come before any of them any more. */
  readonly rows: readonly Row[];
  /** True when none of them stands behind a gap, and nor does the next row. */
  readonly isGapless: boolean;
}

/** The rows after a position, in ascending order, up to the first gap that is not final. */
export function settle<Row extends { readonly position: bigint }>(
  after: bigint,
  rows: readonly Row[],
  finalThrough: bigint,
): Settled<Row> {
  let expected = after + 1n;
  let count = 0;
  let isGapless = true;
  for (const { position } of rows) {
    if (position !== expected) isGapless = false;
    if (position !== expected && position > finalThrough) break;
    expected = position + 1n;
    count += 1;
  }
  return { rows: rows.slice(0, count), isGapless };
}
