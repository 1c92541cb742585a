import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeProtectedHeader } from 'jose';
import { sql } from 'kysely';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createSigningKeyStore } from '../src/auth/tokens/signing-key-store.js';
import { createSigningKeys } from '../src/auth/tokens/signing-keys.js';
import { connect } from '../src/database/connect.js';
import type { Act } from '../src/identity/act.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { call, registerUser, type TestUser } from './support/call.js';
import { startMicropay } from './support/run-micropay.js';
import { OPERATOR_KEY, startTestServer, type TestServer, testConfig } from './support/test-server.js';

let server: TestServer;
let second: RunningServer;
let client: pg.Client;
let user: TestUser;

beforeAll(async () => {
  // Each login takes one of the few attempts of an email: tokens are renewed instead.
  server = await startTestServer();
  second = await startServer(testConfig(server.databaseUrl));
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  user = await registerUser(server.url);
});
afterAll(async () => {
  await client.end();
  await second.close();
  await server.stop();
});

const keys = (...words: string[]) =>
  startMicropay(['signing-keys', ...words], { cwd: tmpdir(), environment: { DATABASE_URL: server.databaseUrl } })
    .result;
const done = async (...words: string[]) => {
  const { exitCode, stdout, stderr } = await keys(...words, '--json');
  expect([exitCode, stderr]).toEqual([0, '']);
  return JSON.parse(stdout);
};
const ACT: Act = {
  principal: 'cli:tests',
  operation: 'makeSigningKey',
  subject: undefined,
  reason: undefined,
  clientAddress: undefined,
  requestId: undefined,
};
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const me = async (url: string, token: string) => (await call(url, 'GET /v1/me', { token })).body.code ?? 'fine';
const published = async (url: string) =>
  (await call(url, 'GET /.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
const statesOf = async () => (await client.query('select kid, state from micropay.signing_keys')).rows;

describe('signing keys', () => {
  it('signing keys are rotated by command on two servers without a failed request', { timeout: 60_000 }, async () => {
    const failures: unknown[] = [];
    const signedBy = new Set<unknown>();
    let isOver = false;
    // A session on each server; each token is used at once on both.
    const use = async (url: string) => {
      let { refreshToken } = await registerUser(url);
      while (!isOver) {
        const { status, body } = await call(url, 'POST /v1/auth/refresh', { body: { refreshToken } });
        if (status !== 200) failures.push(body);
        refreshToken = body.refreshToken;
        signedBy.add(kidOf(body.accessToken));
        for (const at of [server.url, second.url]) {
          const code = await me(at, body.accessToken);
          if (code !== 'fine') failures.push([at, code, kidOf(body.accessToken)]);
        }
        await sleep(300);
      }
    };
    const uses = [use(server.url), use(second.url)];
    const before = kidOf(user.token);
    const made = await done('next');
    expect(made).toMatchObject({ state: 'next', activatedAt: null });
    await expect.poll(() => published(second.url), { timeout: 4_000 }).toContain(made.kid);
    expect(signedBy).toEqual(new Set([before]));
    const activated = await done('activate');
    expect(activated).toMatchObject({ kid: made.kid, state: 'active' });
    await expect.poll(() => signedBy, { timeout: 6_000 }).toContain(made.kid);
    await sleep(2_500);
    isOver = true;
    await Promise.all(uses);
    expect(failures).toEqual([]);
    expect(await done('list')).toMatchObject([
      { kid: made.kid, state: 'active', retiredAt: null },
      { kid: before, state: 'retired', retiredAt: expect.any(String) },
    ]);
    expect(await me(server.url, user.token)).toBe('fine');
  });

  it('signing keys that have leaked are ended with their tokens, also those that were verified before', async () => {
    const { kid } = decodeProtectedHeader(user.token);
    expect([await me(server.url, user.token), await me(second.url, user.token)]).toEqual(['fine', 'fine']);
    const refused = await keys('retire', String(kid));
    expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('signing_key_in_use')]);
    await done('retire', String(kid), '--now', '--reason', 'leaked');
    for (const url of [server.url, second.url]) {
      await expect.poll(() => me(url, user.token), { timeout: 3_000 }).toBe('token_invalid');
    }
    // The session goes on: it was not signed by a key.
    const { refreshToken } = user;
    const renewed = await call(server.url, 'POST /v1/auth/refresh', { body: { refreshToken } });
    expect(await me(second.url, renewed.body.accessToken)).toBe('fine');
  });

  it('signing keys are changed in order only', async () => {
    const database = connect(server.databaseUrl, 'micropay');
    const store = createSigningKeyStore(database, 'main');
    const [active] = await store.list();
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => 'done',
        ({ code }) => code,
      );
    const now = { endsTokens: true };
    expect(await codeOf(store.activate(ACT))).toBe('signing_key_not_found');
    expect(await codeOf(store.end(active?.kid ?? '', now, ACT))).toBe('signing_key_in_use');
    expect(await codeOf(store.end(randomUUID(), now, ACT))).toBe('signing_key_not_found');
    const { kid } = await store.makeNext(ACT);
    expect(await codeOf(store.makeNext(ACT))).toBe('signing_key_exists');
    expect(await codeOf(store.activate(ACT))).toBe('signing_key_in_use');
    await store.end(kid, { endsTokens: false }, ACT);
    expect((await store.list()).map((key) => key.kid)).toEqual([active?.kid]);
    await database.destroy();
  });

  it('signing keys are listed for people, and a slip in the command is answered', async () => {
    expect((await keys('nxt')).stderr).toContain('did you mean next?');
    expect((await keys('list')).stdout).toMatch(/^key .*\n-+ .*\n[0-9a-f-]{36} +active /);
  });

  it('signing keys are in the audit log with each change', async () => {
    const { body } = await call(server.url, 'GET /v1/audit-log?limit=200', { token: OPERATOR_KEY });
    const told = body.data.map(({ operation }: { operation: string }) => operation);
    expect(told).toEqual(expect.arrayContaining(['makeSigningKey', 'activateSigningKey', 'retireSigningKey']));
    const leaked = body.data.find(({ reason }: { reason: string }) => reason === 'leaked');
    expect(leaked).toMatchObject({ subject: kidOf(user.token), principal: expect.stringMatching(/^cli:/) });
  });
});

describe('signing keys of servers that rotate by themselves', () => {
  const rotate = async () => {
    const database = connect(server.databaseUrl, 'micropay');
    await createSigningKeys(database, 'main').rotate();
    await database.destroy();
  };

  it('signing keys that are old get a next one, which signs an hour later', async () => {
    const [{ kid: old }] = await statesOf();
    await rotate();
    expect(await statesOf()).toEqual([{ kid: old, state: 'active' }]);
    await client.query(`update micropay.signing_keys set activated_at = now() - interval '90 days 1 hour'`);
    await rotate();
    await rotate();
    const next = (await statesOf()).find(({ state }) => state === 'next')?.kid;
    expect(await statesOf()).toEqual(expect.arrayContaining([{ kid: old, state: 'active' }]));
    await client.query(`update micropay.signing_keys set created_at = now() - interval '61 minutes' where kid = $1`, [
      next,
    ]);
    await rotate();
    expect(await statesOf()).toEqual(
      expect.arrayContaining([
        { kid: old, state: 'retired' },
        { kid: next, state: 'active' },
      ]),
    );
    await client.query(`update micropay.signing_keys set retired_at = now() - interval '25 hours' where kid = $1`, [
      old,
    ]);
    await rotate();
    expect(await statesOf()).toEqual([{ kid: next, state: 'active' }]);
  });

  it('signing keys are made once, however many processes start at the same time', async () => {
    await client.query('delete from micropay.signing_keys');
    const databases = Array.from({ length: 8 }, () => connect(server.databaseUrl, 'micropay'));
    // Connected before, so that nothing keeps them from starting together.
    await Promise.all(databases.map((database) => sql`select 1`.execute(database)));
    await Promise.all(databases.map((database) => createSigningKeys(database, 'main').rotate()));
    await Promise.all(databases.map((database) => database.destroy()));
    expect(await statesOf()).toMatchObject([{ state: 'active' }]);
  });

  it('signing keys that nobody knows are looked for once, however many tokens name them', async () => {
    const database = connect(server.databaseUrl, 'micropay');
    const looks = vi.spyOn(database, 'selectFrom');
    const signingKeys = createSigningKeys(database, 'main');
    const [{ kid }] = await statesOf();
    const found = await Promise.all(
      [kid, ...Array.from({ length: 50 }, (_, index) => `made-up-${index}`)].map(signingKeys.find),
    );
    expect(found.map((key) => key?.kid)).toEqual([kid, ...Array.from({ length: 50 }, () => undefined)]);
    await signingKeys.find('made-up');
    expect(looks).toHaveBeenCalledTimes(1);
    await database.destroy();
  });
});
