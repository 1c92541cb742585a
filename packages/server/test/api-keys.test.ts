import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SCOPE_NAMES, type Scope } from '../src/identity/scope.js';
import { startServer } from '../src/process/start-server.js';
import { ROUTES } from '../src/routes.js';
import { call, registerUser } from './support/call.js';
import { openStream } from './support/open-stream.js';
import { startMicropay } from './support/run-micropay.js';
import { OPERATOR_KEY, startTestServer, type TestServer, testConfig } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ trustedProxies: 1 });
});
afterAll(async () => {
  await server?.stop();
});

interface Wanted {
  readonly scopes: readonly Scope[];
  readonly networks?: readonly string[];
  readonly expiresAt?: string;
}

function create(wanted: Wanted, token = OPERATOR_KEY, name = `key-${randomUUID()}`) {
  return call(server.url, 'POST /v1/api-keys', { token, body: { name, ...wanted } });
}

async function keyWith(...scopes: readonly Scope[]): Promise<string> {
  const { status, body } = await create({ scopes });
  expect(status).toBe(201);
  return body.key;
}

async function sql(text: string, values: readonly unknown[] = []): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  try {
    return await client.query(text, [...values]);
  } finally {
    await client.end();
  }
}

/** Whether a key is accepted at all, whatever it may do. */
async function works(token: string, headers: Record<string, string> = {}): Promise<boolean> {
  return (await call(server.url, 'GET /v1/api-keys', { token, headers })).status !== 401;
}

/** A second scope that a route asks for, because of what it shows. */
const ALSO: Readonly<Record<string, Scope>> = { testWebhookEndpoint: 'events:read' };

describe('each route for operators asks for its own scope', () => {
  const guarded = [
    ...ROUTES.map(({ endpoint }) => endpoint),
    { operationId: 'metrics', method: 'get', path: '/metrics', access: 'operator', scope: 'metrics:read' } as const,
  ].flatMap((endpoint) => (endpoint.scope === undefined ? [] : [{ ...endpoint, scope: endpoint.scope }]));
  const target = ({ method, path }: (typeof guarded)[number]) =>
    `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, randomUUID())}`;
  const keys = new Map<Scope, { readonly only: string; readonly others: string }>();

  beforeAll(async () => {
    for (const scope of SCOPE_NAMES) {
      const others = SCOPE_NAMES.filter((other) => other !== scope);
      keys.set(scope, { only: await keyWith(scope), others: await keyWith(...others) });
    }
  });

  it.each(guarded)('$operationId is open to a key with $scope, and to no other', async (endpoint) => {
    const { scope } = endpoint;
    const { only = '', others = '' } = keys.get(scope) ?? {};
    const refused = await call(server.url, target(endpoint), { token: others, key: randomUUID() });
    expect(refused).toMatchObject({ status: 403, body: { detail: `this key lacks the scope "${scope}"` } });
    // Nothing is in the request, so it goes wrong later than here.
    if (endpoint.operationId === 'verify' || endpoint.operationId === 'metrics') return;
    const also = ALSO[endpoint.operationId];
    const token = also === undefined ? only : await keyWith(scope, also);
    const let_in = await call(server.url, target(endpoint), { token, key: randomUUID() });
    expect(let_in.status).not.toBe(403);
    expect(let_in.status).not.toBe(401);
  });

  it('there is a route for every scope', () => {
    expect([...new Set(guarded.map(({ scope }) => scope))].sort()).toEqual([...SCOPE_NAMES].sort());
  });

  it('a key with metrics:read scrapes the metrics', async () => {
    const headers = { authorization: `Bearer ${keys.get('metrics:read')?.only}` };
    const response = await fetch(`${server.url}/metrics`, { headers });
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('micropay_http_requests_total');
  });
});

it('a user gains nothing by scopes: the routes for operators stay closed', async () => {
  const { token } = await registerUser(server.url);
  expect(await call(server.url, 'GET /v1/api-keys', { token })).toMatchObject({ status: 403 });
  expect(await create({ scopes: ['accounts:read'] }, token)).toMatchObject({ status: 403 });
});

it('a key cannot make, rotate or revoke a key with a scope that it lacks itself', async () => {
  const weak = await keyWith('keys:write', 'keys:read', 'accounts:read');
  const strong = (await create({ scopes: ['transfers:write'] })).body.apiKey;
  const { data } = (await call(server.url, 'GET /v1/api-keys?limit=200', { token: weak })).body;
  const operator = data.find(({ name }: { name: string }) => name === 'operator');

  expect(await create({ scopes: ['accounts:read', 'transfers:write'] }, weak)).toMatchObject({ status: 403 });
  for (const { id } of [strong, operator]) {
    for (const action of ['rotate', 'revoke']) {
      const refused = await call(server.url, `POST /v1/api-keys/${id}/${action}`, { token: weak });
      expect(refused).toMatchObject({ status: 403, body: { code: 'forbidden' } });
    }
  }
  expect(await works(OPERATOR_KEY)).toBe(true);
  expect(await create({ scopes: ['accounts:read'] }, weak)).toMatchObject({ status: 201 });
});

it('a key for some networks, or until some time, makes and changes no key that reaches further', async () => {
  const networks = ['192.0.2.0/24'];
  const expiresAt = '2100-01-01T00:00:00.000Z';
  const scopes = ['keys:write', 'accounts:read'] as const;
  const { key } = (await create({ scopes, networks, expiresAt })).body;
  const headers = { 'x-forwarded-for': '192.0.2.9' };
  const make = async (wanted: Partial<Wanted>) =>
    (
      await call(server.url, 'POST /v1/api-keys', {
        token: key,
        headers,
        body: { name: `key-${randomUUID()}`, scopes: ['accounts:read'], ...wanted },
      })
    ).status;
  expect(await make({ networks, expiresAt })).toBe(201);
  expect(await make({ expiresAt })).toBe(403);
  expect(await make({ networks: [...networks, '0.0.0.0/0'], expiresAt })).toBe(403);
  expect(await make({ networks })).toBe(403);
  expect(await make({ networks, expiresAt: '2100-01-01T00:00:01Z' })).toBe(403);

  const everywhere = (await create({ scopes: ['accounts:read'], expiresAt })).body.apiKey;
  const forEver = (await create({ scopes: ['accounts:read'], networks })).body.apiKey;
  for (const { id } of [everywhere, forEver]) {
    for (const action of ['rotate', 'revoke']) {
      const refused = await call(server.url, `POST /v1/api-keys/${id}/${action}`, { token: key, headers });
      expect(refused.status).toBe(403);
    }
  }
});

it('a key is shown once: neither the list nor the database has it', async () => {
  const { key, apiKey } = (await create({ scopes: ['accounts:read'] })).body;
  expect(key).toMatch(/^mpk_[\w-]{43}$/);
  const { body } = await call(server.url, 'GET /v1/api-keys?limit=200', { token: OPERATOR_KEY });
  expect(body.data).toContainEqual(apiKey);
  expect(JSON.stringify(body)).not.toContain(key);
  const { rows } = await sql('select api_keys::text as row from micropay.api_keys');
  expect(JSON.stringify(rows)).not.toContain(key);
});

it('a rotated key keeps its id, and the old secret works until the overlap is over', async () => {
  const { key, apiKey } = (await create({ scopes: ['keys:read'] })).body;
  const rotate = (overlapSeconds: number) =>
    call(server.url, `POST /v1/api-keys/${apiKey.id}/rotate`, { token: OPERATOR_KEY, body: { overlapSeconds } });
  const first = (await rotate(3_600)).body;
  expect(first.apiKey).toMatchObject({ id: apiKey.id, name: apiKey.name });
  expect([await works(key), await works(first.key)]).toEqual([true, true]);

  // The answer was lost, and it is rotated again: the secret in use goes on.
  const again = (await rotate(3_600)).body;
  expect([await works(key), await works(first.key), await works(again.key)]).toEqual([true, false, true]);

  const second = (await rotate(0)).body;
  expect([await works(key), await works(again.key), await works(second.key)]).toEqual([false, false, true]);
});

it('a key that was rotated without an overlap does not come back when the clock of the database is set back', async () => {
  const { key, apiKey } = (await create({ scopes: ['keys:read'] })).body;
  await call(server.url, `POST /v1/api-keys/${apiKey.id}/rotate`, { token: OPERATOR_KEY });
  // As a clock that is an hour behind sees it.
  await sql(`update micropay.api_keys set previous_until = previous_until + interval '1 hour' where id = $1`, [
    apiKey.id,
  ]);
  // Keys are read again when one is made.
  const other = (await create({ scopes: ['keys:read'] })).body;
  expect([await works(other.key), await works(key)]).toEqual([true, false]);
});

it('a revoked key ends at once, with its live streams, and cannot be rotated', async () => {
  const { key, apiKey } = (await create({ scopes: ['events:read'] })).body;
  const stream = await openStream(server.url, key);
  const revoke = () => call(server.url, `POST /v1/api-keys/${apiKey.id}/revoke`, { token: OPERATOR_KEY });
  const { revokedAt } = (await revoke()).body;
  expect(await works(key)).toBe(false);
  await stream.ended;
  expect((await revoke()).body.revokedAt).toBe(revokedAt);
  expect(await call(server.url, `POST /v1/api-keys/${apiKey.id}/rotate`, { token: OPERATOR_KEY })).toMatchObject({
    status: 404,
    body: { code: 'api_key_not_found' },
  });
  expect(await create({ scopes: ['events:read'] }, OPERATOR_KEY, apiKey.name)).toMatchObject({
    status: 409,
    body: { code: 'api_key_exists' },
  });
});

it('a key ends when it expires, by the clock of the database', async () => {
  const past = await create({ scopes: ['keys:read'], expiresAt: '2020-01-01T00:00:00Z' });
  expect(past).toMatchObject({ status: 422, body: { code: 'expiry_in_past' } });
  const { key, apiKey } = (await create({ scopes: ['keys:read'], expiresAt: '2100-01-01T00:00:00Z' })).body;
  expect(await works(key)).toBe(true);
  await sql(`update micropay.api_keys set expires_at = now() where id = $1`, [apiKey.id]);
  await expect.poll(() => works(key), { timeout: 10_000 }).toBe(false);
  const rotated = await call(server.url, `POST /v1/api-keys/${apiKey.id}/rotate`, { token: OPERATOR_KEY });
  expect(rotated).toMatchObject({ status: 404, body: { code: 'api_key_not_found' } });
});

it('a key for some networks is refused from others, and the proxy says where a request comes from', async () => {
  const { key } = (await create({ scopes: ['keys:read'], networks: ['192.0.2.0/24', '2001:db8::/32'] })).body;
  const from = async (address: string) =>
    (await call(server.url, 'GET /v1/api-keys', { token: key, headers: { 'x-forwarded-for': address } })).status;
  expect([await from('192.0.2.9'), await from('2001:db8::9')]).toEqual([200, 200]);
  expect([await from('203.0.113.9'), await from('2001:db9::9'), await from('unknown')]).toEqual([403, 403, 403]);
});

it.each([
  [{ name: 'a b', scopes: ['accounts:read'] }, 'name'],
  [{ name: 'a', scopes: [] }, 'scopes'],
  [{ name: 'a', scopes: ['operator'] }, 'scopes.0'],
  [{ name: 'a', scopes: ['accounts:read'], networks: ['10.0.0.0'] }, 'networks.0'],
  [{ name: 'a', scopes: ['accounts:read'], networks: ['10.0.0.0/33'] }, 'networks.0'],
  [{ name: 'a', scopes: ['accounts:read'], expiresAt: 'soon' }, 'expiresAt'],
])('a key that would not mean what was sent is refused: %j', async (body, path) => {
  const refused = await call(server.url, 'POST /v1/api-keys', { token: OPERATOR_KEY, body });
  expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_request', errors: [{ path }] } });
});

it('keys are listed by name, page by page, each once', async () => {
  for (let count = 0; count < 3; count += 1) await create({ scopes: ['accounts:read'] });
  const names: string[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: string = cursor === '' ? 'limit=2' : `limit=2&cursor=${cursor}`;
    const { body } = await call(server.url, `GET /v1/api-keys?${query}`, { token: OPERATOR_KEY });
    names.push(...body.data.map(({ name }: { name: string }) => name));
    cursor = body.nextCursor;
  }
  const { rows } = await sql('select name from micropay.api_keys order by name');
  expect(names).toEqual(rows.map(({ name }) => name));
  expect(await call(server.url, 'GET /v1/api-keys?cursor=YSBi', { token: OPERATOR_KEY })).toMatchObject({
    status: 422,
  });
});

it('a revoked OPERATOR_API_KEY does not come back with the next start', async () => {
  const other = await startTestServer();
  try {
    const client = new pg.Client({ connectionString: other.databaseUrl });
    await client.connect();
    await client.query('update micropay.api_keys set revoked_at = now()');
    await client.end();
    const again = await startServer(testConfig(other.databaseUrl));
    expect(again.isOperatorKey(OPERATOR_KEY)).toBe(false);
    expect((await call(again.url, 'GET /v1/verify', { token: OPERATOR_KEY })).status).toBe(401);
    await again.close();
  } finally {
    await other.stop();
  }
});

describe('micropay keys', () => {
  const micropay = (...words: readonly string[]) =>
    startMicropay(['keys', ...words], { cwd: '.', environment: { DATABASE_URL: server.databaseUrl } }).result;

  it('makes a key that a running server accepts within three seconds, rotates and revokes it by its name', async () => {
    const made = await micropay('create', 'nightly', '--scopes', 'keys:read', '--json');
    expect(made).toMatchObject({ exitCode: 0, stderr: '' });
    const { key } = JSON.parse(made.stdout);
    await expect.poll(() => works(key), { timeout: 3_000 }).toBe(true);

    const rotated = JSON.parse((await micropay('rotate', 'nightly', '--overlap', '3600', '--json')).stdout);
    await expect.poll(() => works(rotated.key), { timeout: 3_000 }).toBe(true);
    expect((await micropay('list')).stdout).toMatch(/nightly +keys:read +all /);

    expect((await micropay('revoke', 'nightly')).stdout).toBe('The API key "nightly" is revoked.\n');
    await expect.poll(() => works(rotated.key), { timeout: 3_000 }).toBe(false);
    expect(await micropay('rotate', 'nightly')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^api_key_not_found: /),
    });
  });
});
