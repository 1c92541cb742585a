import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(1_000n, 0n);
});
afterAll(() => server.stop());

const payment = (change: Record<string, unknown> = {}) => ({
  from: alice.wallet,
  to: bob.wallet,
  amount: '1',
  currency: 'USD',
  ...change,
});

describe('a transfer is refused, and nothing is moved, with', () => {
  const nestedMetadata = (depth: number) =>
    JSON.stringify(payment({ metadata: { a: '?' } })).replace('"?"', `${'['.repeat(depth)}${']'.repeat(depth)}`);

  const written = (member: string, instead: string) => JSON.stringify(payment()).replace(member, instead);
  const metadata = (json: string) => written('"currency"', `"metadata":${json},"currency"`);

  it.each([
    ['no from', () => payment({ from: undefined }), 400, 'invalid_request', 'from'],
    ['an address for from', () => payment({ from: 'users:1:usd' }), 404, 'account_not_found', undefined],
    ['a number for to', () => payment({ to: 5 }), 400, 'invalid_request', 'to'],
    ['an address for to', () => payment({ to: 'world:usd' }), 404, 'account_not_found', undefined],
    ['no amount', () => payment({ amount: undefined }), 400, 'invalid_amount', 'amount'],
    ['the amount 0', () => payment({ amount: '0' }), 400, 'invalid_amount', 'amount'],
    ['a negative amount', () => payment({ amount: '-1' }), 400, 'invalid_amount', 'amount'],
    ['a broken amount', () => payment({ amount: '1.5' }), 400, 'invalid_amount', 'amount'],
    ['an amount with a zero in front', () => payment({ amount: '01' }), 400, 'invalid_amount', 'amount'],
    ['an amount in exponents', () => payment({ amount: '1e3' }), 400, 'invalid_amount', 'amount'],
    ['an amount with white space', () => payment({ amount: ' 1' }), 400, 'invalid_amount', 'amount'],
    ['other digits', () => payment({ amount: '١' }), 400, 'invalid_amount', 'amount'],
    ['a number for the amount', () => payment({ amount: 1 }), 400, 'invalid_amount', 'amount'],
    ['39 digits', () => payment({ amount: '1'.repeat(39) }), 400, 'invalid_amount', 'amount'],
    ['38 digits', () => payment({ amount: '9'.repeat(38) }), 422, 'insufficient_funds', undefined],
    ['a malformed currency', () => payment({ currency: 'usd' }), 422, 'unknown_currency', 'currency'],
    ['two things wrong', () => payment({ currency: 'usd', amount: '0' }), 400, 'invalid_request', 'amount'],
    ['a currency that is not the wallets’', () => payment({ currency: 'EUR' }), 422, 'currency_mismatch', undefined],
    ['the same wallet twice', () => payment({ to: alice.wallet }), 422, 'same_account', undefined],
    ['a wallet of somebody else', () => payment({ from: bob.wallet }), 404, 'account_not_found', undefined],
    ['a wallet that is missing', () => payment({ from: randomUUID() }), 404, 'account_not_found', undefined],
    ['a payee that is missing', () => payment({ to: randomUUID() }), 404, 'account_not_found', undefined],
    ['an email nobody has', () => payment({ to: 'nobody@example.com' }), 404, 'recipient_not_found', undefined],
    ['an email with NUL', () => payment({ to: 'no\u0000body@example.com' }), 400, 'invalid_request', 'to'],
    ['an unknown field', () => payment({ kind: 'transfer' }), 400, 'invalid_request', ''],
    ['a day for the instant', () => payment({ effectiveAt: '2026-01-01' }), 400, 'invalid_request', 'effectiveAt'],
    ['an instant', () => payment({ effectiveAt: '2026-01-01T00:00:00Z' }), 403, 'forbidden', undefined],
    ['a key in the body', () => payment({ idempotencyKey: 'x' }), 400, 'invalid_request', ''],
    ['a long description', () => payment({ description: 'x'.repeat(501) }), 400, 'invalid_request', 'description'],
    ['NUL in the description', () => payment({ description: 'a\u0000' }), 400, 'invalid_request', undefined],
    ['half a character', () => payment({ description: '\ud800' }), 400, 'invalid_request', undefined],
    ['an array as metadata', () => payment({ metadata: [] }), 400, 'invalid_request', 'metadata'],
    ['NUL in the metadata', () => payment({ metadata: { a: '\u0000' } }), 400, 'invalid_request', undefined],
    ['9 KiB of metadata', () => payment({ metadata: { a: 'x'.repeat(9_000) } }), 400, 'invalid_request', undefined],
    ['deep metadata', () => nestedMetadata(64), 400, 'invalid_request', 'metadata'],
    ['metadata deeper than a stack', () => nestedMetadata(30_000), 400, 'invalid_request', 'metadata'],
    ['no object', () => [payment()], 400, 'invalid_request', ''],
    ['null', () => 'null', 400, 'invalid_request', ''],
    ['an amount twice', () => written('"amount":"1"', '"amount":"1","amount":"500"'), 400, 'invalid_request', 'amount'],
    ['the same amount twice', () => written('"to"', '"amount":"1","to"'), 400, 'invalid_request', 'amount'],
    [
      'an amount twice, once escaped',
      () => written('"to"', '"amoun\\u0074":"9","to"'),
      400,
      'invalid_request',
      'amount',
    ],
    ['metadata with a name twice', () => metadata('{"a":[{"b":1,"b":2}]}'), 400, 'invalid_request', 'metadata.a.0.b'],
    ['metadata beyond 2^53', () => metadata('{"id":9007199254740993}'), 400, 'invalid_request', 'metadata.id'],
    ['metadata that may be rounded', () => metadata('{"id":9007199254740994}'), 400, 'invalid_request', 'metadata.id'],
    ['metadata beyond all doubles', () => metadata('{"huge":1e400}'), 400, 'invalid_request', 'metadata.huge'],
    ['metadata of 300 digits', () => metadata('{"huge":1e300}'), 400, 'invalid_request', 'metadata.huge'],
    ['metadata too close to 0', () => metadata('{"tiny":1e-400}'), 400, 'invalid_request', 'metadata.tiny'],
    ['a fraction that is cut', () => metadata('{"rate":1.08420000000000001}'), 400, 'invalid_request', 'metadata.rate'],
    ['__proto__', () => metadata('{"__proto__":{"a":1}}'), 400, 'invalid_request', 'metadata.__proto__'],
    [
      '8 KiB that are read as 350,000',
      () => metadata(`{"a":[${'1e-300,'.repeat(1_160)}0]}`),
      400,
      'invalid_request',
      'metadata',
    ],
    ['half a body', () => JSON.stringify(payment()).slice(0, -1), 400, 'malformed_json', undefined],
    ['no JSON', () => 'from=me', 400, 'malformed_json', undefined],
    ['an empty body', () => '', 400, 'malformed_json', undefined],
  ])('%s', async (_name, body, status, code, path) => {
    const before = await balanceOf(server.url, alice);
    const reply = await call(server.url, 'POST /v1/transfers', { token: alice.token, key: randomUUID(), body: body() });
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect(reply.headers.get('content-type')).toBe('application/problem+json');
    expect(reply.body).toMatchObject({ status, type: `urn:micropay:problem:${code}`, detail: expect.any(String) });
    if (path !== undefined) expect(reply.body.errors[0].path).toBe(path);
    expect(await balanceOf(server.url, alice)).toBe(before);
  });

  it('a transfer with a world account as payee is refused, and nothing is moved', async () => {
    const { body } = await call(server.url, 'POST /v1/deposits', {
      token: OPERATOR_KEY,
      key: randomUUID(),
      body: { wallet: alice.wallet, amount: '1', currency: 'USD' },
    });
    const reply = await call(server.url, 'POST /v1/transfers', {
      token: alice.token,
      key: randomUUID(),
      body: payment({ to: body.from }),
    });
    expect([reply.status, reply.body.code]).toEqual([404, 'account_not_found']);
  });
});

describe('an idempotency key', () => {
  it.each([
    ['missing', {}, 'idempotency_key_required'],
    ['empty', { 'idempotency-key': '' }, 'invalid_request'],
    ['too long', { 'idempotency-key': 'x'.repeat(256) }, 'invalid_request'],
    ['not ASCII', { 'idempotency-key': 'ü' }, 'invalid_request'],
  ])('an idempotency key that is %s is refused', async (_name, headers, code) => {
    for (const [target, token, body] of [
      ['POST /v1/transfers', alice.token, payment()],
      ['POST /v1/deposits', OPERATOR_KEY, { wallet: alice.wallet, amount: '1', currency: 'USD' }],
      ['POST /v1/withdrawals', OPERATOR_KEY, { wallet: alice.wallet, amount: '1', currency: 'USD' }],
    ] as const) {
      const reply = await call(server.url, target, { token, body, headers: headers as Record<string, string> });
      expect([target, reply.status, reply.body.code]).toEqual([target, 400, code]);
      if (code === 'invalid_request') expect(reply.body.errors[0].path).toBe('Idempotency-Key');
    }
  });
});

describe('registration is refused with', () => {
  const person = (change: Record<string, unknown>) => ({
    email: `${randomUUID()}@example.com`,
    password: 'battery staple horse',
    ...change,
  });

  it.each<[string, object, string, number?]>([
    ['no email', person({ email: undefined }), 'invalid_request'],
    ['an email that is none', person({ email: 'alice' }), 'invalid_request'],
    ['an email with NUL', person({ email: 'a\u0000@example.com' }), 'invalid_request'],
    ['a long email', person({ email: `${'a'.repeat(250)}@example.com` }), 'invalid_request'],
    ['a short password', person({ password: 'correct horses' }), 'invalid_request'],
    ['a long password', person({ password: 'x'.repeat(257) }), 'invalid_request'],
    ['a password that many use', person({ password: 'passwordpassword' }), 'password_weak', 422],
    ['an empty name', person({ displayName: '' }), 'invalid_request'],
    ['control characters in the name', person({ displayName: 'a\u0000b' }), 'invalid_request'],
    ['an unknown currency', person({ currency: 'AAA' }), 'unknown_currency', 422],
    ['a role', person({ role: 'operator' }), 'invalid_request'],
  ])('%s', async (_name, body, code, status = 400) => {
    const reply = await call(server.url, 'POST /v1/auth/register', { body });
    expect([reply.status, reply.body.code]).toEqual([status, code]);
  });
});

describe('a wallet is not opened with', () => {
  it.each<[string, object, string, number?]>([
    ['no currency', {}, 'unknown_currency', 422],
    ['an unknown currency', { currency: 'ABC' }, 'unknown_currency', 422],
    ['a name in capitals', { currency: 'USD', name: 'Savings' }, 'invalid_request'],
    ['a name with a colon', { currency: 'USD', name: 'a:b' }, 'invalid_request'],
    ['an empty name', { currency: 'USD', name: '' }, 'invalid_request'],
    ['a balance', { currency: 'EUR', balance: '100' }, 'invalid_request'],
  ])('%s', async (_name, body, code, status = 400) => {
    const reply = await call(server.url, 'POST /v1/wallets', { token: alice.token, body });
    expect([reply.status, reply.body.code]).toEqual([status, code]);
  });
});

describe('a request', () => {
  it.each([
    ['GET /', 404, 'route_not_found'],
    ['GET /v1/transfers/x/y', 404, 'route_not_found'],
    ['GET /v1/me/', 404, 'route_not_found'],
    ['GET /v1/../etc/passwd', 404, 'route_not_found'],
    ['DELETE /v1/me', 405, 'method_not_allowed'],
    ['PUT /v1/wallets', 405, 'method_not_allowed'],
    ['OPTIONS /v1/wallets', 405, 'method_not_allowed'],
    ['PATCH /v1/transfers', 405, 'method_not_allowed'],
    ['POST /openapi.json', 405, 'method_not_allowed'],
  ])('%s answers %i', async (target, status, code) => {
    const reply = await call(server.url, target);
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    if (status === 405)
      expect(reply.headers.get('allow')).toMatch(/^(?:GET, HEAD|POST|GET, HEAD, POST|POST, GET, HEAD)$/);
  });

  it.each([undefined, 'text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'multipart/form-data'])(
    'a request with a body of type %s answers 415',
    async (type) => {
      const response = await fetch(`${server.url}/v1/auth/login`, {
        method: 'POST',
        body: new Blob(['{}']),
        ...(type === undefined ? {} : { headers: { 'content-type': type } }),
      });
      const { code } = (await response.json()) as { code: string };
      expect([response.status, code]).toEqual([415, 'unsupported_media_type']);
    },
  );

  it.each(['application/json; charset=utf-8', 'Application/JSON', 'application/vnd.api+json'])(
    'a request with a body of type %s is read',
    async (type) => {
      const reply = await call(server.url, 'POST /v1/auth/login', { body: '{}', headers: { 'content-type': type } });
      expect(reply.body.code).toBe('invalid_request');
    },
  );

  it.each([
    ['account=%ed%a0%80', 'account'],
    ['account=world%3Ausd%C0%AF', 'account'],
    ['account=%E2%82', 'account'],
    ['account=%zz', 'account'],
    ['account=world&%ff=x', '%ff'],
  ])('a request whose query %s is not UTF-8 is refused by name, and not repaired', async (query, path) => {
    const target = `GET /v1/statements?from=2026-01&to=2026-02&${query}`;
    const { status, body } = await call(server.url, target, { token: OPERATOR_KEY });
    expect([status, body.code, body.errors[0].path]).toEqual([400, 'invalid_request', path]);
  });

  it.each(['/v1/accounts/caf\u00e9', '/v1/statements?account=caf\u00e9'])(
    'a request for %s in Latin-1 is refused',
    async (target) => {
      const { hostname, port } = new URL(server.url);
      const socket = connect(Number(port), hostname);
      socket.write(Buffer.from(`GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`, 'latin1'));
      let answer = '';
      for await (const chunk of socket) answer += chunk;
      expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    },
  );

  it('a request with other text in escapes is read', async () => {
    const reply = await call(server.url, 'GET /v1/accounts/caf%C3%A9%F0%9F%99%82', { token: OPERATOR_KEY });
    expect([reply.status, reply.body.code]).toEqual([404, 'account_not_found']);
  });

  it('a request is given an id, or keeps its own', async () => {
    const given = await call(server.url, 'GET /v1/nothing', { headers: { 'x-request-id': 'abc-1' } });
    expect([given.headers.get('x-request-id'), given.body.instance]).toEqual(['abc-1', 'urn:micropay:request:abc-1']);
    const odd = await call(server.url, 'GET /livez', { headers: { 'x-request-id': '<script>' } });
    expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f]{8}-\w+$/);
  });

  it('a request is answered with headers that let a browser do nothing with it', async () => {
    for (const target of ['GET /livez', 'GET /nothing', 'GET /openapi.json']) {
      const { headers } = await call(server.url, target);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('content-security-policy')).toBe("default-src 'none'; frame-ancestors 'none'");
      expect(headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('a body', () => {
  /** Sends what is given and reports the answer, also when it comes before the body is out. */
  function send(path: string, chunks: Buffer[], headers: Record<string, string>) {
    return new Promise<{ status: number; code: string }>((resolve, reject) => {
      const sent = request(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
      });
      let answered = false;
      sent.on('response', async (response) => {
        answered = true;
        let text = '';
        for await (const chunk of response) text += chunk;
        resolve({ status: response.statusCode ?? 0, code: JSON.parse(text).code });
      });
      // The server may hang up while the rest is on its way.
      sent.on('error', (error) => answered || reject(error));
      for (const chunk of chunks) sent.write(chunk);
      sent.end();
    });
  }
  const KIB = 1_024;
  const body = (bytes: number) => Buffer.from(`{"email":"${'a'.repeat(bytes - 12)}"}`);
  const tooLarge = { status: 413, code: 'body_too_large' };
  const invalid = { status: 400, code: 'invalid_request' };

  it('a body of 64 KiB is read, and one byte more is not', async () => {
    const path = '/v1/auth/login';
    const length = (bytes: number) => ({ 'content-length': String(bytes) });
    expect(await send(path, [body(64 * KIB)], length(64 * KIB))).toEqual(invalid);
    expect(await send(path, [body(64 * KIB + 1)], length(64 * KIB + 1))).toEqual(tooLarge);
  });

  it('a body in chunks is counted while it arrives', async () => {
    const path = '/v1/auth/login';
    const chunked = { 'transfer-encoding': 'chunked' };
    expect(await send(path, [body(64 * KIB)], chunked)).toEqual(invalid);
    expect(await send(path, [body(64 * KIB), Buffer.from(' ')], chunked)).toEqual(tooLarge);
  });

  it('a body that says it is huge is refused before it is sent', async () => {
    expect(
      await send('/v1/auth/login', [], { 'content-length': '5000000000', connection: 'close' }).catch(String),
    ).toEqual(tooLarge);
  });

  it('a body of a batch may have 1 MiB', async () => {
    const path = '/v1/transfers/batch';
    const headers = { authorization: `Bearer ${alice.token}`, 'transfer-encoding': 'chunked' };
    expect(await send(path, [body(1_024 * KIB)], headers)).toEqual(invalid);
    expect(await send(path, [body(1_024 * KIB + 1)], headers)).toEqual(tooLarge);
  });

  it('a body that is not UTF-8 is refused, and not repaired', async () => {
    const login = (password: number[]) =>
      Buffer.concat([Buffer.from('{"email":"a@example.com","password":"'), Buffer.from(password), Buffer.from('"}')]);
    const malformed = { status: 400, code: 'malformed_json' };
    for (const bytes of [[0xff], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xe2, 0x82]]) {
      const sent = login(bytes);
      expect(await send('/v1/auth/login', [sent], { 'content-length': String(sent.length) })).toEqual(malformed);
      expect(await send('/v1/auth/login', [sent], { 'transfer-encoding': 'chunked' })).toEqual(malformed);
    }
    const euro = login([0xe2, 0x82, 0xac]);
    // A character may come in two chunks.
    const halves = [euro.subarray(0, -4), euro.subarray(-4)];
    expect(await send('/v1/auth/login', halves, { 'transfer-encoding': 'chunked' })).toMatchObject({ status: 401 });
  });

  it('a body may begin with a byte order mark', async () => {
    const marked = Buffer.from('\uFEFF{"email":"nobody@example.com","password":"battery staple horse"}');
    expect(await send('/v1/auth/login', [marked], { 'transfer-encoding': 'chunked' })).toMatchObject({ status: 401 });
  });

  it('a body of a batch names the request and its member', async () => {
    const { body } = await call(server.url, 'POST /v1/transfers/batch', {
      token: alice.token,
      body: `{"transfers":[{},{"amount":"1","amount":"2"}]}`,
    });
    expect(body).toMatchObject({ code: 'invalid_request', errors: [{ path: 'transfers.1.amount' }] });
    expect(body.detail).toContain('transfers.1.amount is given twice');
  });

  it('a body that is compressed is not unpacked', async () => {
    const reply = await call(server.url, 'POST /v1/auth/login', {
      body: '\u001f\u008b',
      headers: { 'content-encoding': 'gzip' },
    });
    expect([reply.status, reply.body.code]).toEqual([400, 'malformed_json']);
  });
});

it.each([[undefined], [1], ['1.5']])('the amount %j is answered with what an amount must be', async (amount) => {
  const { body } = await call(server.url, 'POST /v1/transfers', {
    token: alice.token,
    key: randomUUID(),
    body: payment({ amount }),
  });
  expect(body.detail).toMatch(/^amount: must be a positive whole number of minor units/);
});

describe('cross-origin requests', () => {
  it('cross-origin requests are allowed for listed origins only', async () => {
    const open = await startTestServer({ corsOrigins: ['https://app.example.com'] });
    const preflight = (origin: string) =>
      call(open.url, 'OPTIONS /v1/transfers', {
        headers: {
          origin,
          'access-control-request-method': 'POST',
          'access-control-request-headers': 'idempotency-key',
        },
      });
    const allowed = await preflight('https://app.example.com');
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
      204,
      'https://app.example.com',
    ]);
    expect((await preflight('https://evil.example.com')).headers.get('access-control-allow-origin')).toBeNull();
    const answer = await call(open.url, 'GET /v1/me', { headers: { origin: 'https://app.example.com' } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com');
    expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
    const { token } = await registerUser(open.url);
    const stream = await call(open.url, 'GET /v1/events', { token, headers: { origin: 'https://app.example.com' } });
    expect([stream.status, stream.headers.get('access-control-allow-origin')]).toEqual([
      200,
      'https://app.example.com',
    ]);
    await open.stop();
  });
});
