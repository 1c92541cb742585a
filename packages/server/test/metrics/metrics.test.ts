import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import perfHooks from 'node:perf_hooks';
import { Registry } from 'prom-client';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { installPromtool, whyNoPromtool } from '../../../../scripts/install-promtool.js';
import { registerProcessMetrics } from '../../src/metrics/process-metrics.js';
import { call, registerUser } from '../support/call.js';
import { readMetrics } from '../support/metrics.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const INSTALL_TIMEOUT_MS = 200_000;
const whyNot = whyNoPromtool();
let server: TestServer;

beforeAll(async () => {
  // The relay's metrics are there for a server that leaves the delivery to another process.
  server = await startTestServer({
    verifyEverySeconds: 3_600,
    notifications: true,
    mail: { publicUrl: 'https://app.example.com' },
    oidc: { mode: 'both', issuer: 'http://127.0.0.1:1', audience: 'a', tokenType: 'at+jwt', userClaim: 'sub' },
    kafka: {
      brokers: ['127.0.0.1:1'],
      topicPrefix: 'micropay',
      partitions: 1,
      tls: false,
      relayInServer: false,
    },
  });
  const { token, wallet } = await registerUser(server.url, { balance: 10n });
  const body = { from: wallet, to: wallet, amount: '1', currency: 'USD' };
  const refused = await call(server.url, 'POST /v1/transfers', { token, key: 'same', body });
  expect(refused.body.code).toBe('same_account');
});
afterAll(() => server?.stop());

it('a scrape has every metric of the page, of the type that it states, and no other', async () => {
  const page = readFileSync(new URL('../../../../docs/operating/metrics.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name, type]) => `${name} ${type}`);
  const scraped = [...(await readMetrics(server.url)).matchAll(/^# TYPE (.+)$/gm)].map(([, metric]) => metric);
  expect(rows.length).toBeGreaterThan(20);
  expect(rows.sort()).toEqual(scraped.sort());
});

it('refusals are counted by operation and code', async () => {
  expect(await readMetrics(server.url)).toMatch(
    /^micropay_http_refusals_total\{operation="postTransfer",code="same_account"\} 1$/m,
  );
});

it('a scrape counts the batches of the engine, and says what its connections do', async () => {
  const scraped = await readMetrics(server.url);
  const numberOf = (sample: string) =>
    Number(
      scraped
        .split('\n')
        .find((line) => line.startsWith(`${sample} `))
        ?.split(' ')[1],
    );
  const batches = numberOf('micropay_engine_batch_transfers_count');
  expect(batches).toBeGreaterThan(0);
  expect(numberOf('micropay_engine_batch_transfers_sum')).toBeGreaterThanOrEqual(batches);
  expect(numberOf('micropay_engine_transaction_seconds_count')).toBe(batches);
  expect(numberOf('micropay_engine_lock_seconds_count')).toBe(batches);
  expect(numberOf('micropay_engine_queue_wait_seconds_count')).toBe(batches);
  expect(numberOf('micropay_engine_requests')).toBe(0);
  expect(numberOf('micropay_engine_requests_max')).toBe(20_000);
  expect(numberOf('micropay_pool_connections{pool="lanes"}')).toBe(1);
  for (const pool of ['reads', 'long_reads', 'server']) {
    expect(numberOf(`micropay_pool_connections{pool="${pool}"}`)).toBeGreaterThan(0);
    expect(numberOf(`micropay_pool_connections_max{pool="${pool}"}`)).toBeGreaterThan(0);
    expect(numberOf(`micropay_pool_waiting_calls{pool="${pool}"}`)).toBe(0);
  }
});

it('servers that come and go in one process leave no observers of it behind', async () => {
  const delays = vi.spyOn(perfHooks, 'monitorEventLoopDelay');
  const [first, second] = [new Registry(), new Registry()];
  registerProcessMetrics(first);
  registerProcessMetrics(second);
  expect(delays).not.toHaveBeenCalled();
  expect(await first.metrics()).toContain('nodejs_eventloop_lag_p99_seconds ');
  expect(await second.metrics()).toContain('# TYPE nodejs_gc_duration_seconds histogram');
});

it('promtool accepts a scrape', { timeout: INSTALL_TIMEOUT_MS }, async (context) => {
  if (whyNot !== undefined) {
    if (process.env.CI) throw new Error(`promtool is not skipped in CI: it ${whyNot}`);
    context.skip(whyNot);
  }
  const input = await readMetrics(server.url);
  const { status, stdout, stderr } = spawnSync(installPromtool(), ['check', 'metrics'], { input, encoding: 'utf8' });
  expect([status, stdout, stderr]).toEqual([0, '', '']);
});
