import { expect, it } from 'vitest';
import { createRequestMetrics } from './request-metrics.js';

it('counts requests by operation and status, and how long they took', () => {
  const metrics = createRequestMetrics(['pay', 'never']);
  metrics.record('pay', 201, 5);
  metrics.record('pay', 201, 7);
  metrics.record('pay', 422, 20_000);
  metrics.record('unknown', 200, 1);
  const lines = metrics.lines();
  expect(lines).toEqual(
    expect.arrayContaining([
      'micropay_http_requests_total{operation="pay",status="201"} 2',
      'micropay_http_requests_total{operation="pay",status="422"} 1',
      'micropay_http_request_duration_seconds_bucket{operation="pay",le="0.005"} 1',
      'micropay_http_request_duration_seconds_bucket{operation="pay",le="0.01"} 2',
      'micropay_http_request_duration_seconds_bucket{operation="pay",le="10"} 2',
      'micropay_http_request_duration_seconds_bucket{operation="pay",le="+Inf"} 3',
      'micropay_http_request_duration_seconds_sum{operation="pay"} 20.012',
      'micropay_http_request_duration_seconds_count{operation="pay"} 3',
    ]),
  );
  expect(lines.filter((line) => /never|unknown/.test(line))).toEqual([]);
});
