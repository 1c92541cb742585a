/** Results of the calls that ended within a window of time. */
export interface Window {
  readonly transfersPerSecond: number;
  /** Of a call, which for a batch is the whole batch. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly transfers: number;
}

export function summarize(latenciesMs: readonly number[], elapsedMs: number, transfersPerCall: number): Window {
  const sorted = Float64Array.from(latenciesMs).sort();
  const transfers = sorted.length * transfersPerCall;
  return {
    transfers,
    transfersPerSecond: (transfers * 1_000) / elapsedMs,
    p50Ms: percentile(sorted, 0.5),
    p99Ms: percentile(sorted, 0.99),
  };
}

/** The nearest rank of sorted values; NaN without any. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
}

/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (low + high) / 2;
}
