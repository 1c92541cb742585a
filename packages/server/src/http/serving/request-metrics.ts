import { Counter, Histogram, type Registry } from 'prom-client';

/** Upper bounds in seconds: a payment takes milliseconds, a login tens of them, a batch or verification longer. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const MS_PER_S = 1_000;

export interface ServedRequest {
  readonly operation: string;
  readonly status: number;
  readonly durationMs: number;
  /** The code of the problem, if the request was refused. */
  readonly code: string | undefined;
}

/** Counts the requests of each operation by status and refusal, and measures their duration. */
export interface RequestMetrics {
  record(request: ServedRequest): void;
}

export function createRequestMetrics(registry: Registry): RequestMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'micropay_http_requests_total',
    help: 'HTTP requests of each operation by the status of their response.',
    labelNames: ['operation', 'status'],
    registers,
  });
  const durations = new Histogram({
    name: 'micropay_http_request_duration_seconds',
    help: 'Time from the headers of a request to its response.',
    labelNames: ['operation'],
    buckets: BUCKETS_S,
    registers,
  });
  const refusals = new Counter({
    name: 'micropay_http_refusals_total',
    help: 'HTTP requests that were refused, by the code of the problem.',
    labelNames: ['operation', 'code'],
    registers,
  });

  return {
    record({ operation, status, durationMs, code }) {
      requests.inc({ operation, status });
      durations.observe({ operation }, durationMs / MS_PER_S);
      if (code !== undefined) refusals.inc({ operation, code });
    },
  };
}
