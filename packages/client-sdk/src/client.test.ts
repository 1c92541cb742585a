import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { entry, PAYMENT, TRANSFER, WALLET } from '../test/support/examples.js';
import { type Act, answer, refuse, type ScriptedServer, startScriptedServer } from '../test/support/scripted-server.js';
import { createClient, type MicroPayClient } from './client.js';
import { MicroPayError } from './errors.js';

let server: ScriptedServer;

afterEach(() => server.close());

async function clientOf(...acts: readonly Act[]) {
  server = await startScriptedServer(...acts);
  return createClient({ baseUrl: `${server.url}/`, accessToken: 'a-token', retriesMax: 0 });
}

async function failure(work: Promise<unknown>): Promise<MicroPayError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MicroPayError);
  return error as MicroPayError;
}

const bodySeen = (index = 0) => JSON.parse(server.seen[index]?.body ?? '');

describe('amounts', () => {
  it('amounts come as bigint, however large', async () => {
    const client = await clientOf(answer(200, WALLET));
    expect(await client.wallets.get(WALLET.id)).toMatchObject({
      balance: 10n ** 38n,
      pendingOut: 250n,
      available: 1_000n,
    });
  });

  it('amounts go as text', async () => {
    const client = await clientOf(answer(201, TRANSFER));
    const transfer = await client.transfers.post({ ...PAYMENT, amount: 10n ** 37n, description: 'Lunch' });
    expect(bodySeen()).toEqual({ ...PAYMENT, amount: `1${'0'.repeat(37)}`, description: 'Lunch' });
    expect(transfer).toMatchObject({ fromBalance: 3_750n, toBalance: null });
  });

  it('amounts are never numbers', async () => {
    const client = await clientOf(answer(201, TRANSFER));
    const payment = { ...PAYMENT, amount: 1_250 as unknown as bigint };
    expect(await failure(client.transfers.post(payment))).toMatchObject({
      code: 'invalid_amount',
      fields: [{ path: 'amount' }],
    });
    for (const call of [
      client.transfers.postMany([PAYMENT, payment]),
      client.transfers.postLinked([PAYMENT, payment]),
    ]) {
      expect(await failure(call)).toMatchObject({ code: 'invalid_amount', fields: [{ path: 'transfers.1.amount' }] });
    }
    expect(server.seen).toHaveLength(0);
  });
});

describe('pages', () => {
  it('pages are fetched as their rows are asked for', async () => {
    const client = await clientOf(
      answer(200, { data: [entry(5), entry(4)], nextCursor: 'c/1' }),
      answer(200, { data: [], nextCursor: 'c2' }),
      answer(200, { data: [entry(3)], nextCursor: null }),
    );
    const versions: bigint[] = [];
    for await (const { version } of client.wallets.entries(WALLET.id, { limit: 2 })) {
      versions.push(version);
      if (version === 5n) expect(server.seen).toHaveLength(1);
    }
    expect(versions).toEqual([5n, 4n, 3n]);
    const path = `/v1/wallets/${WALLET.id}/entries?limit=2`;
    expect(server.seen.map((request) => request.path)).toEqual([path, `${path}&cursor=c%2F1`, `${path}&cursor=c2`]);
  });

  it('pages are not fetched beyond what is read', async () => {
    const client = await clientOf(answer(200, { data: [WALLET, WALLET], nextCursor: 'more' }));
    for await (const wallet of client.wallets.list()) {
      expect(wallet.id).toBe(WALLET.id);
      break;
    }
    expect(server.seen).toHaveLength(1);
  });

  it('pages can be had one at a time', async () => {
    const client = await clientOf(answer(200, { data: [entry(5)], nextCursor: 'c1' }));
    expect(await client.wallets.entriesPage(WALLET.id, { cursor: 'c0' })).toMatchObject({
      data: [{ version: 5n, amount: 1_250n }],
      nextCursor: 'c1',
    });
  });
});

describe('a batch', () => {
  it('a batch gives each payment a key from that of the call, and returns a result for each', async () => {
    const refused = { type: 't', title: 't', status: 422, detail: 'too little', code: 'insufficient_funds' };
    const client = await clientOf(
      answer(200, {
        results: [
          { ok: true, replayed: true, transfer: TRANSFER },
          { ok: false, error: refused },
        ],
      }),
    );
    const payments = [PAYMENT, { ...PAYMENT, idempotencyKey: 'order-7' }];
    const [first, second] = await client.transfers.postMany(payments, { idempotencyKey: 'payroll-11' });
    expect(bodySeen().transfers.map((transfer: { idempotencyKey: string }) => transfer.idempotencyKey)).toEqual([
      'payroll-11:0',
      'order-7',
    ]);
    expect(first).toMatchObject({ ok: true, transfer: { amount: 1_250n, replayed: true } });
    expect(second).toMatchObject({ ok: false, error: { code: 'insufficient_funds', idempotencyKey: 'order-7' } });
    expect(second?.ok === false && second.error).toBeInstanceOf(MicroPayError);
  });

  it('a batch that is linked has one key', async () => {
    const client = await clientOf(answer(200, { results: [{ ok: true, replayed: false, transfer: TRANSFER }] }));
    const transfers = await client.transfers.postLinked([PAYMENT], { idempotencyKey: 'order-8' });
    expect(transfers).toMatchObject([{ id: TRANSFER.id, replayed: false }]);
    expect(server.seen[0]?.headers['idempotency-key']).toBe('order-8');
    expect(bodySeen()).toEqual({ transfers: [{ ...PAYMENT, amount: '1250' }] });
  });
});

describe('an error', () => {
  it('an error carries the problem that the server sent', async () => {
    const problem = {
      type: 'urn:micropay:problem:invalid_request',
      title: 'The request is not valid',
      status: 400,
      detail: 'the request has errors',
      code: 'invalid_request',
      instance: 'request-7',
      errors: [{ path: 'amount', message: 'must be positive' }],
    };
    const client = await clientOf(answer(400, problem));
    const error = await client.transfers.post(PAYMENT).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(MicroPayError);
    expect(error).toMatchObject({
      name: 'MicroPayError',
      message: 'invalid_request: the request has errors',
      code: 'invalid_request',
      status: 400,
      requestId: 'request-7',
      fields: [{ path: 'amount', message: 'must be positive' }],
      retryable: false,
    });
  });

  it('an error is thrown for every operation alike', async () => {
    const client = await clientOf(refuse(403, 'forbidden'));
    const calls = [
      client.verify(),
      client.deposits.create({ wallet: WALLET.id, amount: 1n, currency: 'USD' }),
      client.withdrawals.create({ wallet: WALLET.id, amount: 1n, currency: 'USD' }),
      client.wallets.freeze(WALLET.id, { side: 'debits' }),
      client.wallets.unfreeze(WALLET.id),
      client.wallets.create({ currency: 'EUR' }),
      client.transfers.get(TRANSFER.id),
      client.auth.login({ email: 'a@example.com', password: 'wrong password' }),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'forbidden' } });
    }
    expect(server.seen.map(({ method, path }) => `${method} ${path}`).sort()).toEqual([
      `GET /v1/transfers/${TRANSFER.id}`,
      'GET /v1/verify',
      'POST /v1/auth/login',
      'POST /v1/deposits',
      'POST /v1/wallets',
      `POST /v1/wallets/${WALLET.id}/freeze`,
      `POST /v1/wallets/${WALLET.id}/unfreeze`,
      'POST /v1/withdrawals',
    ]);
  });
});

describe('what cannot be sent', () => {
  const idempotencyKey = 'zażółć';

  it.each<[name: string, call: (client: MicroPayClient) => Promise<unknown>, path: string]>([
    ['a payment', (client) => client.transfers.post(PAYMENT, { idempotencyKey }), 'idempotencyKey'],
    [
      'a deposit',
      (client) => client.deposits.create({ wallet: WALLET.id, amount: 1n, currency: 'USD' }, { idempotencyKey }),
      'idempotencyKey',
    ],
    ['linked payments', (client) => client.transfers.postLinked([PAYMENT], { idempotencyKey }), 'idempotencyKey'],
    ['a batch', (client) => client.transfers.postMany([PAYMENT], { idempotencyKey }), 'transfers.0.idempotencyKey'],
    [
      'a payment of a batch',
      (client) => client.transfers.postMany([PAYMENT, { ...PAYMENT, idempotencyKey: 'a\nb' }]),
      'transfers.1.idempotencyKey',
    ],
    ['an empty key', (client) => client.transfers.post(PAYMENT, { idempotencyKey: '' }), 'idempotencyKey'],
  ])('an idempotency key that cannot be sent is refused: %s', async (_name, call, path) => {
    const client = await clientOf(answer(201, TRANSFER));
    const error = await failure(call(client));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false, fields: [{ path }] });
    expect(error.status).toBeUndefined();
    expect(error.detail).toContain('1 to 255 printable ASCII characters');
    expect(server.seen).toHaveLength(0);
  });

  const cycle: Record<string, unknown> = {};
  cycle.self = cycle;
  it.each<[name: string, metadata: unknown, path: string]>([
    ['a bigint', { count: 1n }, 'metadata.count'],
    ['a cycle', cycle, 'metadata'],
    ['NaN', { a: [0, Number.NaN] }, 'metadata.a.1'],
    ['an infinity', { a: Number.POSITIVE_INFINITY }, 'metadata.a'],
    ['a whole number beyond 2^53', { orderId: 2 ** 53 }, 'metadata.orderId'],
    ['undefined', { a: undefined }, 'metadata.a'],
    ['a hole', { a: new Array(2) }, 'metadata.a'],
    ['a Date', { a: new Date(0) }, 'metadata.a'],
    ['a Map', { a: new Map() }, 'metadata.a'],
    ['what writes itself', { a: { toJSON: () => 1 } }, 'metadata.a.toJSON'],
    ['a symbol as a name', { a: { [Symbol('b')]: 1 } }, 'metadata.a'],
    ['__proto__', JSON.parse('{"__proto__":1}'), 'metadata.__proto__'],
    ['half a character', { a: '\ud800' }, 'metadata.a'],
    [
      'a value that is shared without end',
      Array.from({ length: 60 }).reduce<object>((all) => ({ all, too: all }), {}),
      'metadata',
    ],
  ])('metadata that JSON would change is refused: %s', async (_name, metadata, path) => {
    const client = await clientOf(answer(201, TRANSFER));
    const payment = { ...PAYMENT, metadata: metadata as Record<string, never> };
    const expected = { code: 'invalid_request', retryable: false, fields: [{ path }] };
    expect(await failure(client.transfers.post(payment))).toMatchObject(expected);
    const second = await failure(client.transfers.postMany([PAYMENT, payment]));
    expect(second).toMatchObject({ code: 'invalid_request', fields: [{ path: `transfers.1.${path}` }] });
    expect(server.seen).toHaveLength(0);
  });

  it('metadata that JSON keeps is sent completely', async () => {
    const client = await clientOf(answer(201, TRANSFER));
    const metadata = { a: [0.1, -1, 2 ** 53 - 1, null, true, 'ä🙂'], b: { constructor: 1 }, c: {} };
    await client.transfers.post({ ...PAYMENT, metadata, effectiveAt: new Date(0) });
    expect(bodySeen()).toMatchObject({ metadata, effectiveAt: '1970-01-01T00:00:00.000Z' });
  });

  it.each(['\ud800', '', '.', '..'])('an id that would lead to another route is refused: %j', async (id) => {
    const client = await clientOf();
    const error = await failure(client.wallets.get(id));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false, fields: [{ path: 'id' }] });
    expect(server.seen).toHaveLength(0);
  });
});

it.each([
  '',
  'pay.example.com',
  'localhost:3000',
  'ftp://pay.example.com',
  'http://pay.example.com?x=1',
  'http://pay.example.com/#a',
  'http://alice:secret-word@127.0.0.1',
])('createClient refuses the baseUrl: %s', async (baseUrl) => {
  const error = await failure(Promise.resolve().then(() => createClient({ baseUrl })));
  expect(error).toMatchObject({ code: 'invalid_request', retryable: false, fields: [{ path: 'baseUrl' }] });
  expect(inspect(error)).not.toContain('secret-word');
});

it.each([Number.POSITIVE_INFINITY, 2 ** 31, 0.5, -1])('createClient refuses the timeoutMs: %d', async (timeoutMs) => {
  const error = await failure(Promise.resolve().then(() => createClient({ baseUrl: 'http://127.0.0.1', timeoutMs })));
  expect(error).toMatchObject({ code: 'invalid_request', fields: [{ path: 'timeoutMs' }] });
});

describe('an answer that is not MicroPay’s', () => {
  it.each<[name: string, act: Act]>([
    ['no JSON', (response) => void response.end('{"id":"secret-word')],
    ['nothing', (response) => void response.end()],
    ['other JSON', answer(200, { hello: 'secret-word' })],
    ['null', answer(200, null)],
  ])('a response that is not from MicroPay is an error that names the key: %s', async (_name, act) => {
    const client = await clientOf(act);
    const error = await failure(client.transfers.post(PAYMENT, { idempotencyKey: 'order-1042' }));
    expect(error).toMatchObject({ code: 'invalid_response', status: 200, idempotencyKey: 'order-1042' });
    expect(inspect(error)).not.toContain('secret-word');
    expect(await failure(client.wallets.listPage())).toMatchObject({ code: 'invalid_response' });
    const period = { account: PAYMENT.from, from: '2026-03-01', to: '2026-04-01' };
    expect(await failure(client.statements.file(period))).toMatchObject({ code: 'invalid_response' });
  });
});
