import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../src/routes.js';
import { call, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let user: TestUser;

beforeAll(async () => {
  [server, user] = await startServerWithUsers(0n);
});
afterAll(() => server.stop());

interface RawAnswer {
  readonly status: number | undefined;
  readonly allow: string | undefined;
  readonly contentType: string | undefined;
  readonly body: string;
}

/** The request target as it is given: `fetch` would take the dots out of a path, and knows no TRACE. */
function raw(
  url: string,
  method: string,
  target: string,
  headers: Record<string, string | string[]> = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path: target, headers }, async (response) => {
      const { statusCode: status, headers } = response;
      let body = '';
      const isStream = headers['content-type'] === 'text/event-stream';
      if (isStream) response.destroy();
      else for await (const chunk of response) body += chunk;
      resolve({ status, allow: headers.allow, contentType: headers['content-type'], body });
    });
    sent.on('error', reject);
    sent.end();
  });
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'];

/** Each path once, with the methods that its route and those of the pages beside them serve. */
const served = new Map<string, Set<string>>();
const serve = (path: string, method: string) => {
  const methods = served.get(path) ?? new Set();
  served.set(path, methods.add(method));
  if (method === 'GET') methods.add('HEAD');
};
for (const { endpoint } of ROUTES) serve(endpoint.path, endpoint.method.toUpperCase());
for (const path of ['/openapi.json', '/metrics', '/docs', '/docs/scalar.js']) serve(path, 'GET');

describe('every method on', () => {
  const authorization = `Bearer ${OPERATOR_KEY}`;

  it.each([...served])('%s is served, or refused with an exact Allow', async (path, methods) => {
    const target = path.replaceAll(/\{\w+\}/g, randomUUID());
    for (const method of METHODS) {
      const { status, allow, contentType, body } = await raw(server.url, method, target, { authorization });
      if (methods.has(method)) {
        const code = contentType === 'application/problem+json' && body !== '' ? JSON.parse(body).code : undefined;
        expect([method, code]).not.toEqual([method, 'route_not_found']);
        expect([method, status]).not.toEqual([method, 405]);
      } else {
        expect([method, status]).toEqual([method, 405]);
        expect(new Set(allow?.split(', '))).toEqual(methods);
      }
    }
  });

  it('an unknown path is not found', async () => {
    for (const target of ['/', '/v1', '/v1/', '/v1/me/', '//v1/me', '/v1//me', '/V1/me', '/v1/Me', '/v1/wallets/']) {
      for (const method of METHODS) {
        const { status, allow, contentType } = await raw(server.url, method, target, { authorization });
        expect([target, method, status, allow]).toEqual([target, method, 404, undefined]);
        expect(contentType).toBe('application/problem+json');
      }
    }
  });

  it('dots in a path are not resolved, and name nothing', async () => {
    for (const target of ['/v1/./me', '/v1/wallets/../me', '/v1/x/%2e%2e/me', '/./livez', '/v1\\me']) {
      const { status, body } = await raw(server.url, 'GET', target, { authorization });
      expect([target, status, JSON.parse(body).code]).toEqual([target, 404, 'route_not_found']);
    }
  });

  it('a whole URL in place of a path is served, as proxies send it', async () => {
    expect((await raw(server.url, 'GET', 'http://micropay.example/livez')).status).toBe(200);
    const refused = await raw(server.url, 'GET', 'http://micropay.example/livez?x=1');
    expect([refused.status, JSON.parse(refused.body).code]).toEqual([400, 'invalid_request']);
  });

  it('a server that browsers may call names OPTIONS too, and answers it where something is', async () => {
    const open = await startTestServer({ corsOrigins: ['https://app.example.com'] });
    const allow = async (target: string) => (await raw(open.url, 'DELETE', target)).allow;
    expect(await allow('/v1/me')).toBe('GET, HEAD, OPTIONS');
    expect(await allow('/v1/transfers')).toBe('POST, GET, HEAD, OPTIONS');
    expect((await raw(open.url, 'OPTIONS', '/v1/me')).status).toBe(204);
    expect((await raw(open.url, 'OPTIONS', '/v1/nothing')).status).toBe(404);
    await open.stop();
  });
});

describe('a query is refused, by name,', () => {
  it.each([
    // A number has one way to be written.
    ['limit=0x10', 'limit'],
    ['limit=1e1', 'limit'],
    ['limit=%205', 'limit'],
    ['limit=5%20', 'limit'],
    ['limit=+5', 'limit'],
    ['limit=%2B5', 'limit'],
    ['limit=05', 'limit'],
    ['limit=5.0', 'limit'],
    ['limit=-0', 'limit'],
    ['limit=0', 'limit'],
    ['limit=201', 'limit'],
    ['limit=', 'limit'],
    ['limit', 'limit'],
    ['limit=%D9%A3', 'limit'],
    ['limit=0b11', 'limit'],
    ['limit=1_0', 'limit'],
    ['limit=Infinity', 'limit'],
    ['limit=%zz', 'limit'],
    // A parameter is given once.
    ['limit=5&limit=9', 'limit'],
    ['limit=5&limit=5', 'limit'],
    ['cursor=a&limit=5&cursor=b', 'cursor'],
    ['open=true&open=false', 'open'],
    // It is one that is known.
    ['Limit=5', '"Limit"'],
    ['limit[]=5', '"limit[]"'],
    ['x=1', '"x"'],
    ['__proto__=1', '"__proto__"'],
    ['toString=1', '"toString"'],
    ['=5', '""'],
    // A boolean has two words.
    ['open=TRUE', 'open'],
    ['open=1', 'open'],
    ['open=', 'open'],
    ['open', 'open'],
    ['cursor=', 'cursor'],
    ['cursor=%00', 'cursor'],
  ])('%s', async (query, name) => {
    const { status, body } = await call(server.url, `GET /v1/wallets/${user.wallet}/holds?${query}`, {
      token: user.token,
    });
    expect([status, body.code, body.detail]).toEqual([
      name === 'cursor' && !query.includes('&') ? 422 : 400,
      name === 'cursor' && !query.includes('&') ? 'invalid_cursor' : 'invalid_request',
      expect.stringContaining(name),
    ]);
  });

  it.each([
    ['/v1/aggregate?depth=0x1', 'depth'],
    ['/v1/aggregate?depth=1e0', 'depth'],
    ['/v1/aggregate?depth=1&depth=2', 'depth'],
    ['/v1/aggregate?type=asset&type=income', 'type'],
    ['/v1/accounts?prefix=a&prefix=b', 'prefix'],
    ['/v1/trial-balance?at=2026-03-01&at=2026-03-02', 'at'],
    ['/v1/trial-balance?at=2026-02-30', 'at'],
    ['/v1/trial-balance?at=2026-3-1', 'at'],
    ['/v1/trial-balance?at=1772323200', 'at'],
    ['/v1/trial-balance?at=2026-03-01T09:30:00', 'at'],
    ['/v1/trial-balance?by=Recorded', 'by'],
    ['/v1/events?types=balance.changed.v1&types=transfer.posted.v1', 'types'],
    ['/v1/events?types=', 'types'],
    ['/v1/events?types=balance.changed.v1,', 'types'],
    ['/v1/events?types=%20balance.changed.v1', 'types'],
    // Routes that take no query take none.
    ['/v1/verify?limit=5', '"limit"'],
    ['/v1/ledger?x', '"x"'],
    ['/v1/currencies/USD?x=1', '"x"'],
    ['/livez?x=1', '"x"'],
  ])('%s', async (target, name) => {
    const { status, body } = await call(server.url, `GET ${target}`, { token: OPERATOR_KEY });
    expect([status, body.code, body.detail]).toEqual([400, 'invalid_request', expect.stringContaining(name)]);
  });

  it('a query is refused, by name, on a route with a body as well', async () => {
    const body = { from: user.wallet, to: user.wallet, amount: '1', currency: 'USD' };
    const posted = await call(server.url, 'POST /v1/transfers?dryRun=true', { token: user.token, key: 'k', body });
    expect([posted.status, posted.body.code]).toEqual([400, 'invalid_request']);
  });
});

describe('a query is read when', () => {
  it.each(['', 'limit=1', 'limit=200', 'limit=%31', '%6cimit=5', 'open=true&limit=5', '&', 'limit=5&'])(
    'a query is read when it is %j',
    async (query) => {
      const { status } = await call(server.url, `GET /v1/wallets/${user.wallet}/holds?${query}`, { token: user.token });
      expect(status).toBe(200);
    },
  );

  it('a query is read when it lists types behind commas', async () => {
    const { status } = await call(server.url, 'GET /v1/events?types=balance.changed.v1,transfer.posted.v1', {
      token: user.token,
    });
    expect(status).toBe(200);
  });
});

describe('a header that is sent twice', () => {
  it.each([
    ['Idempotency-Key', ['one', 'two'], 400, 'invalid_request'],
    ['Idempotency-Key', ['one', 'one'], 400, 'invalid_request'],
    ['Authorization', [`Bearer ${OPERATOR_KEY}`, 'Bearer other'], 401, 'authentication_required'],
    ['Content-Type', ['application/json', 'text/plain'], 415, 'unsupported_media_type'],
  ])('%s %j answers %i', async (name, values, status, code) => {
    const answer = await raw(server.url, 'POST', '/v1/currencies', {
      authorization: `Bearer ${OPERATOR_KEY}`,
      'content-type': 'application/json',
      'content-length': '0',
      [name.toLowerCase()]: values,
    });
    const payment = await raw(server.url, 'POST', '/v1/deposits', {
      authorization: `Bearer ${OPERATOR_KEY}`,
      'idempotency-key': randomUUID(),
      'content-type': 'application/json',
      [name.toLowerCase()]: values,
    });
    if (name !== 'Idempotency-Key')
      expect([answer.status, answer.body]).toEqual([status, expect.stringContaining(code)]);
    expect([payment.status, payment.body]).toEqual([status, expect.stringContaining(code)]);
  });

  it('Last-Event-ID answers 400', async () => {
    const headers = { authorization: `Bearer ${OPERATOR_KEY}`, 'last-event-id': ['1', '2'] };
    const { status, body } = await raw(server.url, 'GET', '/v1/events', headers);
    expect([status, body]).toEqual([400, expect.stringContaining('invalid_request')]);
  });
});

describe('every address that can be opened', () => {
  const on = (target: string, body?: unknown) => call(server.url, target, { token: OPERATOR_KEY, body });

  it.each(['aggregate', 'batch', 'limits', 'a', 'A_b.c-d', '-', '_', '...a', 'a:..b', 'z'.repeat(200)])(
    '%s can be read, listed, changed and closed',
    async (address) => {
      const { id } = (await on('POST /v1/accounts', { address, currency: 'USD' })).body;
      const encoded = encodeURIComponent(address);
      expect((await on(`GET /v1/accounts/${encoded}`)).body.id).toBe(id);
      expect((await on(`GET /v1/accounts?limit=1&prefix=${encoded}`)).body.data[0].id).toBe(id);
      for (const change of ['freeze', 'unfreeze', 'limits', 'close']) {
        const { body } = await on(
          `POST /v1/accounts/${encoded}/${change}`,
          change === 'limits' ? { maximum: '5' } : {},
        );
        expect([change, body.id]).toEqual([change, id]);
      }
    },
  );

  it.each(['.', '..', '...', 'a:.', 'a:..:b', '..:a', '', 'a/b', 'a b', 'a%2fb', 'ä'])('is not %j', async (address) => {
    const { status, body } = await on('POST /v1/accounts', { address, currency: 'USD' });
    expect([status, body.code]).toEqual([400, 'invalid_address']);
  });

  it.each(['a%2Fb', '%2e%2e', '%00', '%ff', '%zz', 'a%20b', '%61%62'])('which %s is not: not found', async (id) => {
    const { status, body } = await raw(server.url, 'GET', `/v1/accounts/${id}`, {
      authorization: `Bearer ${OPERATOR_KEY}`,
    });
    expect([status, JSON.parse(body).code]).toEqual([404, expect.stringMatching(/^(account|route)_not_found$/)]);
  });
});
