import { randomBytes, randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { type OtlpSink, type OtlpSpan, startOtlpSink } from '@micropay/otlp-sink';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, registerUser } from './support/call.js';
import { type MainProcess, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

/** Nothing listens there. */
const NOBODY = 'http://127.0.0.1:1';
let database: TestDatabase;
let sink: OtlpSink;
let main: MainProcess | undefined;

beforeEach(async () => {
  database = await createTestDatabase();
  sink = await startOtlpSink();
});
afterEach(async () => {
  if (main?.child.exitCode === null) await main.stop('SIGKILL');
  main = undefined;
  await sink.close();
  await database.drop();
});

interface Payment {
  readonly status: number;
  readonly id: string;
  readonly emails: readonly string[];
  readonly wallets: readonly string[];
}

/** Starts a server, pays once with these headers, and stops it, which sends the spans. */
async function pay(
  variables: Record<string, string>,
  headers: Record<string, string> = {},
  amount = '5',
): Promise<Payment> {
  main = runMain({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY, LOG_LEVEL: 'debug', ...variables });
  const url = await main.listening();
  const [payer, payee] = [await registerUser(url, { balance: 10n }), await registerUser(url)];
  const { status, body } = await call(url, 'POST /v1/transfers', {
    token: payer.token,
    key: 'key-of-the-payment',
    headers,
    body: { from: payer.wallet, to: payee.email, amount, currency: 'USD', description: 'for the cat' },
  });
  expect(await main.stop()).toBe(0);
  return { status, id: body.id, emails: [payer.email, payee.email], wallets: [payer.wallet, payee.wallet] };
}

function traceOf(flags: '00' | '01') {
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')];
  return { traceId, spanId, headers: { traceparent: `00-${traceId}-${spanId}-${flags}` } };
}

async function storedTraces(): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query(
    `select traceparent from micropay.transfers where traceparent is not null
     union all select traceparent from micropay.events where traceparent is not null`,
  );
  await client.end();
  return rows.map(({ traceparent }) => traceparent);
}

function spanNamed(name: string, spans: readonly OtlpSpan[]): OtlpSpan {
  const [span, ...others] = spans.filter((one) => one.name === name);
  if (span === undefined || others.length > 0) throw new Error(`${others.length + 1} spans "${name}", expected one`);
  return span;
}

const linesOf = (output: string): readonly Record<string, unknown>[] =>
  output.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));

describe('a traced payment', () => {
  it('a payment is one trace, from the header of its request to the commit, sent when the server stops', async () => {
    const trace = traceOf('01');
    const payment = await pay({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_SERVICE_NAME: 'wallets' }, trace.headers);
    const spans = sink.spans().filter(({ traceId }) => traceId === trace.traceId);
    const all = [
      'POST /v1/transfers',
      'micropay.post',
      'micropay.batch',
      'micropay.lock_and_decide',
      'micropay.write_and_commit',
    ].map((name) => spanNamed(name, spans));
    const [request, post, batch] = all as [OtlpSpan, OtlpSpan, OtlpSpan];
    expect(spans).toHaveLength(all.length);
    expect(all.map(({ parentSpanId }) => parentSpanId)).toEqual([
      trace.spanId,
      request.spanId,
      post.spanId,
      batch.spanId,
      batch.spanId,
    ]);
    expect(post.links).toEqual([{ traceId: trace.traceId, spanId: batch.spanId }]);
    expect(batch.links).toEqual([{ traceId: trace.traceId, spanId: post.spanId }]);
    expect(request).toMatchObject({ service: 'wallets', kind: 'SERVER', isError: false });
    expect(request.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/v1/transfers',
      'http.response.status_code': 201,
      'micropay.operation': 'postTransfer',
      'micropay.request.id': expect.any(String),
    });
    expect(post.attributes['micropay.transfer.id']).toBe(payment.id);
    expect(await storedTraces()).toContain(`00-${trace.traceId}-${post.spanId}-01`);
  });

  it('spans hold nothing personal: no email, wallet, amount, description, key or token', async () => {
    const { emails, wallets } = await pay({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url });
    const texts = JSON.stringify(sink.spans());
    expect(sink.spans().length).toBeGreaterThan(5);
    for (const personal of [...emails, ...wallets, 'for the cat', 'key-of-the-payment', 'Bearer']) {
      expect(texts).not.toContain(personal);
    }
    expect(sink.spans().flatMap(({ attributes }) => Object.keys(attributes))).not.toContain('url.path');
  });

  it('the log lines of a traced request name its trace, and other lines none', async () => {
    const trace = traceOf('01');
    await pay({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, OTEL_TRACES_SAMPLER: 'parentbased_always_off' }, trace.headers);
    const request = spanNamed('POST /v1/transfers', sink.spans());
    const lines = linesOf(main?.output() ?? '').filter(({ msg }) => msg === 'request');
    const traced = lines.filter(({ trace_id }) => trace_id !== undefined);
    expect(traced).toMatchObject([{ operation: 'postTransfer', trace_id: trace.traceId, span_id: request.spanId }]);
    expect(lines.length).toBeGreaterThan(1);
    // Each line has members of its own alone.
    const members = {
      level: 20,
      time: 0,
      pid: 0,
      hostname: '',
      requestId: '',
      operation: '',
      status: 0,
      durationMs: 0,
      msg: '',
    };
    const untraced = lines.filter(({ trace_id }) => trace_id === undefined);
    for (const line of untraced) expect(Object.keys(line)).toEqual(Object.keys(members));
  });

  it('a refusal is named on the spans, which are no errors', async () => {
    const trace = traceOf('01');
    const { status } = await pay({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url }, trace.headers, '11');
    const spans = sink.spans().filter(({ traceId }) => traceId === trace.traceId);
    expect(status).toBe(422);
    expect(spanNamed('POST /v1/transfers', spans)).toMatchObject({
      isError: false,
      attributes: { 'http.response.status_code': 422, 'micropay.refusal': 'insufficient_funds' },
    });
    expect(spanNamed('micropay.post', spans)).toMatchObject({
      isError: false,
      attributes: { 'micropay.refusal': 'insufficient_funds' },
    });
  });
});

it('requests that a client sends in one go are traces of their own', async () => {
  main = runMain({ DATABASE_URL: database.url, OTEL_EXPORTER_OTLP_ENDPOINT: sink.url });
  const { hostname, port } = new URL(await main.listening());
  const socket = connect(Number(port), hostname);
  socket.write('GET /livez HTTP/1.1\r\nHost: micropay\r\n\r\n'.repeat(3));
  let received = '';
  for await (const chunk of socket) {
    received += chunk;
    if (received.split('HTTP/1.1 200').length === 4) break;
  }
  await main.stop();
  const spans = sink.spans().filter(({ name }) => name === 'GET /livez');
  expect(spans.map(({ parentSpanId }) => parentSpanId)).toEqual(['', '', '']);
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(3);
});

describe('a payment that is not traced', () => {
  it('without a collector a sampled header has no effect, and nothing is stored', async () => {
    expect((await pay({}, traceOf('01').headers)).status).toBe(201);
    expect(await storedTraces()).toEqual([]);
  });

  it.each([
    ['a caller whose trace is not sampled', {}, traceOf('00').headers],
    ['a sampler that takes none', { OTEL_TRACES_SAMPLER: 'always_off' }, traceOf('01').headers],
    [
      'a ratio of 0 for callers who say nothing',
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      {},
    ],
  ])('nothing is sent and nothing is stored for %s', async (_, variables, headers) => {
    const sampler: Record<string, string> = { OTEL_TRACES_SAMPLER: 'parentbased_always_off', ...variables };
    const { status } = await pay({ OTEL_EXPORTER_OTLP_ENDPOINT: sink.url, ...sampler }, headers);
    expect(status).toBe(201);
    expect(sink.spans()).toEqual([]);
    expect(await storedTraces()).toEqual([]);
  });
});

describe('a collector that takes no spans', () => {
  it.each(['is not there', 'is overloaded'])(
    'payments succeed while the collector %s, the log says so once, and the server stops in time',
    async (state) => {
      const overloaded = await startOtlpSink({ status: 503 });
      main = runMain({
        DATABASE_URL: database.url,
        OPERATOR_API_KEY: OPERATOR_KEY,
        OTEL_EXPORTER_OTLP_ENDPOINT: state === 'is overloaded' ? overloaded.url : NOBODY,
        // The exporter's own: until then it tries again.
        OTEL_EXPORTER_OTLP_TIMEOUT: '500',
      });
      const url = await main.listening();
      const payer = await registerUser(url, { balance: 10n });
      const payee = await registerUser(url);
      const body = { from: payer.wallet, to: payee.wallet, amount: '1', currency: 'USD' };
      const payOnce = () => call(url, 'POST /v1/transfers', { token: payer.token, key: randomUUID(), body });
      expect((await payOnce()).status).toBe(201);
      const lost = () => linesOf(main?.output() ?? '').filter(({ msg }) => String(msg).endsWith('are lost'));
      await expect.poll(lost, { timeout: 30_000 }).toHaveLength(1);
      expect((await payOnce()).status).toBe(201);
      const stoppedAtMs = performance.now();
      expect(await main.stop()).toBe(0);
      expect(performance.now() - stoppedAtMs).toBeLessThan(5_000);
      expect(lost()).toMatchObject([{ level: 40, reason: expect.any(String) }]);
      await overloaded.close();
    },
  );
});
