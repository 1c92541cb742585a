/** Upper bounds in seconds: a payment takes milliseconds, a login tens of them, a batch or verification longer. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const MS_PER_S = 1_000;

interface Series {
  readonly countsByStatus: Map<number, number>;
  /** One more than there are bounds: what took longer than the last. */
  readonly countsByBucket: number[];
  sumMs: number;
}

/** Counts the requests of each operation by status, and measures their duration. */
export interface RequestMetrics {
  /** Called for every request, so it allocates nothing. */
  record(operation: string, status: number, durationMs: number): void;
  /** In the text format of Prometheus. */
  lines(): readonly string[];
}

export function createRequestMetrics(operations: readonly string[]): RequestMetrics {
  const seriesByOperation = new Map<string, Series>(
    operations.map((operation) => [
      operation,
      { countsByStatus: new Map(), countsByBucket: new Array(BUCKETS_S.length + 1).fill(0), sumMs: 0 },
    ]),
  );

  return {
    record(operation, status, durationMs) {
      const series = seriesByOperation.get(operation);
      if (series === undefined) return;
      series.countsByStatus.set(status, (series.countsByStatus.get(status) ?? 0) + 1);
      series.sumMs += durationMs;
      let bucket = 0;
      while (bucket < BUCKETS_S.length && durationMs > (BUCKETS_S[bucket] ?? 0) * MS_PER_S) bucket += 1;
      series.countsByBucket[bucket] = (series.countsByBucket[bucket] ?? 0) + 1;
    },
    lines: () => [...requestLines(seriesByOperation), ...processLines()],
  };
}

function requestLines(seriesByOperation: ReadonlyMap<string, Series>): string[] {
  const counts = ['# TYPE micropay_http_requests_total counter'];
  const durations = ['# TYPE micropay_http_request_duration_seconds histogram'];
  for (const [operation, { countsByStatus, countsByBucket, sumMs }] of seriesByOperation) {
    for (const [status, count] of countsByStatus) {
      counts.push(`micropay_http_requests_total{operation="${operation}",status="${status}"} ${count}`);
    }
    if (countsByStatus.size === 0) continue;
    const name = 'micropay_http_request_duration_seconds';
    let total = 0;
    countsByBucket.forEach((count, index) => {
      total += count;
      durations.push(`${name}_bucket{operation="${operation}",le="${BUCKETS_S[index] ?? '+Inf'}"} ${total}`);
    });
    durations.push(`${name}_sum{operation="${operation}"} ${sumMs / MS_PER_S}`);
    durations.push(`${name}_count{operation="${operation}"} ${total}`);
  }
  return [...counts, ...durations];
}

function processLines(): string[] {
  const { user, system } = process.cpuUsage();
  return [
    '# TYPE process_cpu_seconds_total counter',
    `process_cpu_seconds_total ${(user + system) / 1e6}`,
    '# TYPE process_resident_memory_bytes gauge',
    `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    '# TYPE process_start_time_seconds gauge',
    `process_start_time_seconds ${Math.round(performance.timeOrigin) / MS_PER_S}`,
  ];
}
