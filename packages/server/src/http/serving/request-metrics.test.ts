import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { createRequestMetrics } from './request-metrics.js';

it('counts requests by operation, status and refusal, and measures how long they took', async () => {
  const registry = new Registry();
  const metrics = createRequestMetrics(registry);
  metrics.record({ operation: 'pay', status: 201, durationMs: 5, code: undefined });
  metrics.record({ operation: 'pay', status: 201, durationMs: 7, code: undefined });
  metrics.record({ operation: 'pay', status: 422, durationMs: 20_000, code: 'insufficient_funds' });
  const lines = (await registry.metrics()).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'micropay_http_requests_total{operation="pay",status="201"} 2',
      'micropay_http_requests_total{operation="pay",status="422"} 1',
      'micropay_http_request_duration_seconds_bucket{le="0.005",operation="pay"} 1',
      'micropay_http_request_duration_seconds_bucket{le="0.01",operation="pay"} 2',
      'micropay_http_request_duration_seconds_bucket{le="10",operation="pay"} 2',
      'micropay_http_request_duration_seconds_bucket{le="+Inf",operation="pay"} 3',
      'micropay_http_request_duration_seconds_sum{operation="pay"} 20.012',
      'micropay_http_request_duration_seconds_count{operation="pay"} 3',
    ]),
  );
  expect(lines.filter((line) => line.startsWith('micropay_http_refusals_total'))).toEqual([
    'micropay_http_refusals_total{operation="pay",code="insufficient_funds"} 1',
  ]);
});
