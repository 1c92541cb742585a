/** One line of the result: a kind of load, and how much of it. */
export interface Row {
  readonly name: 'engine' | 'http' | 'http-batch';
  /** Callers in the process, or connections. */
  readonly callers: number;
  /** Every transfer credits the same account. */
  readonly hot: boolean;
  /** Transfers in one call. */
  readonly batchSize: number;
  /** Callers of the naive transactions that it is compared with. */
  readonly naiveCallers: number;
}

const engine = (callers: number, hot = false): Row => ({
  name: 'engine',
  callers,
  hot,
  batchSize: 1,
  naiveCallers: callers,
});

const ROWS: readonly Row[] = [
  engine(1),
  engine(64),
  engine(512),
  engine(4_096),
  engine(512, true),
  { name: 'http', callers: 64, hot: false, batchSize: 1, naiveCallers: 64 },
  { name: 'http-batch', callers: 8, hot: false, batchSize: 100, naiveCallers: 64 },
];

/** The rows that were asked for. */
export function chooseRows({
  only,
  callers,
}: {
  readonly only: readonly string[];
  readonly callers: readonly number[] | undefined;
}): readonly Row[] {
  return ROWS.filter((row) => only.includes(row.hot ? 'hot' : row.name) && (callers?.includes(row.callers) ?? true));
}
