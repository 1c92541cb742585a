/**
 * Positions are drawn before commit, so a position that is missing may still appear: its transaction may be
 * under way. A gap is final once every transaction that could have drawn it has ended.
 *
 * A transaction draws positions after it has its id. So when a snapshot shows a row at some position, every
 * position below it was drawn by a transaction whose id is older than any id handed out later: the bound.
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

export interface Snapshot<Row> {
  /** The oldest transaction id that was running when the rows were read. */
  readonly oldestRunning: bigint;
  /** Rows after the reader's position, in ascending order. */
  readonly rows: readonly Row[];
}

export interface Settled<Row> {
  /** Rows that may be handed on. */
  readonly rows: readonly Row[];
  /** True when a gap stands before the next row and no bound for it is known yet. */
  readonly needsBound: boolean;
}

/** The rows of a snapshot that no row can come before any more. */
export function settle<Row extends { readonly position: bigint }>(
  after: bigint,
  { oldestRunning, rows }: Snapshot<Row>,
  bound: Bound | undefined,
): Settled<Row> {
  const isFinalThrough = finalThrough(bound, oldestRunning);
  let expected = after + 1n;
  let count = 0;
  for (const { position } of rows) {
    if (position !== expected && position > isFinalThrough) break;
    expected = position + 1n;
    count += 1;
  }
  return {
    rows: rows.slice(0, count),
    needsBound: count < rows.length && (bound === undefined || isFinalThrough === bound.through),
  };
}

/** Up to where a snapshot with this oldest transaction shows all that will ever be there; 0 while nobody knows. */
export function finalThrough(bound: Bound | undefined, oldestRunning: bigint): bigint {
  if (bound === undefined) return 0n;
  return bound.isReached || oldestRunning >= bound.transactionId ? bound.through : 0n;
}
