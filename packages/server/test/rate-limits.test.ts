import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect, type Database } from '../src/database/connect.js';
import { migrateServer } from '../src/process/migrate-server.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { createRatePolicy } from '../src/throttling/rate-limit-headers.js';
import { createRateLimits, type RateLimits } from '../src/throttling/rate-limits.js';
import { takeFromBuckets } from '../src/throttling/shared-buckets.js';
import { call, registerUser, type TestUser } from './support/call.js';
import { readMetrics } from './support/metrics.js';
import { OPERATOR_KEY, testConfig } from './support/test-server.js';

const LEDGER = 'main';
const SCHEMA = 'micropay';
let testDatabase: TestDatabase;
let databases: readonly Database[];

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  await migrateServer({ database: testDatabase.url });
  // Another process has a pool of its own.
  databases = [connect(testDatabase.url, SCHEMA), connect(testDatabase.url, SCHEMA)];
});
afterAll(async () => {
  await Promise.all((databases ?? []).map((database) => database.destroy()));
  await testDatabase?.drop();
});

const processes = (ledger = LEDGER): readonly RateLimits[] =>
  databases.map((database) =>
    createRateLimits({ takeShared: (asks) => takeFromBuckets({ database, schema: SCHEMA, ledger }, asks) }),
  );

/** Sends so many requests at once to the processes in turn, and returns how many were admitted. */
async function admitted(limits: readonly RateLimits[], count: number, perMinute: number, name: string) {
  const outcomes = await Promise.allSettled(
    Array.from({ length: count }, async (_, index) =>
      limits[index % limits.length]?.take(createRatePolicy('user-write', perMinute), name),
    ),
  );
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'rate_limited' });
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

/** Five percent more than a limit, and what has refilled. */
function atMost(perMinute: number, startedAtMs: number): number {
  return Math.ceil(perMinute * 1.05 + ((performance.now() - startedAtMs) / 60_000) * perMinute);
}

/** As if so many seconds had passed for the database's clock. */
async function pass(seconds: number): Promise<void> {
  await databases[0]
    ?.updateTable('attempts')
    .set({ full_at: sql<Date>`full_at - make_interval(secs => ${seconds})` })
    .execute();
}

describe('rate limits on one database', () => {
  it.each([10, 100, 1_000])(
    'rate limits on one database admit by two processes what one limit of %i allows, within five percent',
    async (perMinute) => {
      const name = randomUUID();
      const startedAtMs = performance.now();
      const limits = processes();
      let total = 0;
      for (let burst = 0; burst < 3; burst += 1) total += await admitted(limits, perMinute, perMinute, name);
      await Promise.all(limits.map((each) => each.report()));
      expect(total).toBeGreaterThanOrEqual(Math.floor(perMinute * 0.95));
      expect(total).toBeLessThanOrEqual(atMost(perMinute, startedAtMs));
    },
  );

  it('rate limits on one database are reported by many processes at once without a deadlock, in any order', async () => {
    await databases[0]?.deleteFrom('attempts').execute();
    const names = Array.from({ length: 60 }, () => randomUUID());
    const many = Array.from({ length: 6 }, () => processes()).flat();
    for (let round = 0; round < 5; round += 1) {
      await Promise.all(
        many.flatMap((limits, index) =>
          (index % 2 === 0 ? names : names.toReversed()).map(async (name) =>
            limits.take(createRatePolicy('user-write', 6_000), name),
          ),
        ),
      );
      await Promise.all(many.map((limits) => limits.report()));
    }
    const rows = await databases[0]
      ?.selectFrom('attempts')
      .select(sql<number>`extract(epoch from full_at - now())::float8`.as('seconds'))
      .execute();
    // Each name was taken from sixty times, which is 0.6 seconds of its minute, and has refilled since.
    expect(rows).toHaveLength(names.length);
    expect(rows?.filter(({ seconds }) => seconds > 0.61)).toEqual([]);
  });

  it('rate limits on one database are those of one ledger', async () => {
    const name = randomUUID();
    expect(await admitted(processes(), 20, 10, name)).toBe(10);
    expect(await admitted(processes('other'), 20, 10, name)).toBe(10);
  });

  it('rate limits on one database refill, and last no longer than two minutes when its clock was set back by a day', async () => {
    const name = randomUUID();
    expect(await admitted(processes(), 20, 10, name)).toBe(10);
    await pass(30);
    expect(await admitted(processes(), 20, 10, name)).toBe(5);
    await pass(3_600);
    expect(await admitted(processes(), 20, 10, name)).toBe(10);
    await pass(-86_400);
    expect(await admitted(processes(), 20, 10, name)).toBe(0);
    const [limits] = processes();
    const error = await Promise.resolve(limits?.take(createRatePolicy('user-write', 10), name)).catch((e) => e);
    expect(Number(error.headers['retry-after'])).toBeLessThanOrEqual(66);
  });
});

it('a debt of ten limits is forgotten but for one, in the database and in memory', async () => {
  const policy = createRatePolicy('user-write', 40);
  const name = randomUUID();
  const [limits, other] = processes() as [RateLimits, RateLimits];
  limits.takeMore(policy, name, 400);
  await limits.report();
  for (const each of [limits, other]) {
    const error = await Promise.resolve()
      .then(() => each.take(policy, name))
      .catch((e) => e);
    expect(Number(error.headers['retry-after'])).toBeGreaterThanOrEqual(55);
    expect(Number(error.headers['retry-after'])).toBeLessThanOrEqual(62);
  }
  await pass(62);
  expect(await admitted(processes(), 1, 40, name)).toBe(1);
});

describe('two servers with rate limits', () => {
  const rateLimits = {
    userReads: 100,
    userWrites: 40,
    keyWrites: 30,
    addressReads: 150,
    signIns: 100,
    addressSignIns: 1_000,
  };
  let servers: readonly RunningServer[];
  let alice: TestUser;

  beforeAll(async () => {
    const config = testConfig(testDatabase.url, { rateLimits, trustedProxies: 1 });
    servers = [await startServer(config), await startServer(config)];
  });
  afterAll(() => Promise.all((servers ?? []).map((server) => server.close())));
  beforeEach(async () => {
    alice = await registerUser(servers[0]?.url ?? '');
  });

  let networks = 0;
  /** A network that nobody has used yet. */
  function fromAnywhere() {
    networks += 1;
    return { 'x-forwarded-for': `2001:db8:0:${networks.toString(16)}::1` };
  }

  async function burst(count: number, target: string, options: Parameters<typeof call>[2] = {}) {
    const replies = await Promise.all(
      Array.from({ length: count }, (_, index) => call(servers[index % 2]?.url ?? '', target, options)),
    );
    return { replies, admitted: replies.filter(({ status }) => status !== 429).length };
  }

  it('two servers with rate limits admit together the reads of a user that the limit allows, and others are none of it', async () => {
    const startedAtMs = performance.now();
    const { replies, admitted: reads } = await burst(130, 'GET /v1/me', {
      token: alice.token,
      headers: fromAnywhere(),
    });
    expect(reads).toBeGreaterThanOrEqual(95);
    expect(reads).toBeLessThanOrEqual(atMost(100, startedAtMs));
    const refused = replies.find(({ status }) => status === 429);
    expect(refused?.body).toMatchObject({ code: 'rate_limited', detail: expect.stringMatching(/^wait [12] seconds/) });
    expect(refused?.headers.get('retry-after')).toMatch(/^[12]$/);
    expect(refused?.headers.get('ratelimit-policy')).toBe('"user-read";q=100;w=60');
    expect(refused?.headers.get('ratelimit')).toMatch(/^"user-read";r=0;t=[12]$/);
    const bob = await registerUser(servers[0]?.url ?? '');
    const other = await call(servers[0]?.url ?? '', 'GET /v1/me', { token: bob.token, headers: fromAnywhere() });
    expect([other.status, other.headers.get('ratelimit')]).toEqual([200, '"user-read";r=99;t=1']);
  });

  it('two servers with rate limits count reads and writes apart, and each transfer of a batch', async () => {
    const [{ url }] = servers as [RunningServer];
    const headers = fromAnywhere();
    const transfers = Array.from({ length: 40 }, () => ({
      from: alice.wallet,
      to: alice.wallet,
      amount: '1',
      currency: 'USD',
      idempotencyKey: randomUUID(),
    }));
    const options = { token: alice.token, headers };
    const batch = await call(url, 'POST /v1/transfers/batch', { ...options, body: { transfers } });
    expect([batch.status, batch.headers.get('ratelimit-policy')]).toEqual([200, '"user-write";q=40;w=60']);
    const next = await call(url, 'POST /v1/wallets', { ...options, body: { currency: 'EUR' } });
    expect([next.status, next.body.code]).toEqual([429, 'rate_limited']);
    expect((await call(url, 'GET /v1/me', options)).status).toBe(200);
  });

  it('two servers with rate limits count users of one network together, and tokens that are no good too, but no API keys', async () => {
    const headers = fromAnywhere();
    const bob = await registerUser(servers[0]?.url ?? '');
    const strangers = await burst(90, 'GET /v1/me', { token: 'nothing', headers });
    expect(strangers.replies.map(({ status }) => status)).toEqual(Array(90).fill(401));
    const users = await burst(60, 'GET /v1/me', { token: alice.token, headers });
    expect(users.admitted).toBeGreaterThanOrEqual(52);
    // More than refills meanwhile, and fewer than the limit of a user.
    const others = await burst(95, 'GET /v1/me', { token: bob.token, headers });
    expect(others.admitted).toBeLessThan(60);
    const refused = others.replies.find(({ status }) => status === 429);
    expect(refused?.headers.get('ratelimit-policy')).toBe('"address-read";q=150;w=60');
    const more = await burst(60, 'GET /v1/me', { token: 'nothing', headers });
    expect(more.admitted).toBeLessThan(40);
    const operator = await burst(20, 'GET /v1/trial-balance', { token: OPERATOR_KEY, headers });
    expect(operator.replies.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(operator.replies[0]?.headers.get('ratelimit')).toBeNull();
  });

  it('two servers with rate limits do not count for a network what a user of it sends beyond their own limit', async () => {
    const headers = fromAnywhere();
    const bob = await registerUser(servers[0]?.url ?? '');
    expect((await burst(200, 'GET /v1/me', { token: alice.token, headers })).admitted).toBeLessThan(115);
    const others = await burst(20, 'GET /v1/me', { token: bob.token, headers });
    expect(others.admitted).toBe(20);
    expect(others.replies[0]?.headers.get('ratelimit-policy')).toBe('"user-read";q=100;w=60');
  });

  it('two servers with rate limits never refuse a probe', async () => {
    const headers = fromAnywhere();
    const probes = await burst(170, 'GET /livez', { headers });
    expect(new Set(probes.replies.map(({ status }) => status))).toEqual(new Set([200]));
    expect(probes.replies[0]?.headers.get('ratelimit')).toBeNull();
  });

  it('two servers with rate limits limit an API key by its own limit, and count what they refuse by policy', async () => {
    const startedAtMs = performance.now();
    const key = () => ({ token: OPERATOR_KEY, key: randomUUID(), body: { currency: 'XTS', scale: 2 } });
    const replies = await Promise.all(
      Array.from({ length: 60 }, (_, index) => call(servers[index % 2]?.url ?? '', 'POST /v1/currencies', key())),
    );
    const allowed = replies.filter(({ status }) => status !== 429).length;
    expect(allowed).toBeGreaterThanOrEqual(28);
    expect(allowed).toBeLessThanOrEqual(atMost(30, startedAtMs));
    const counted = await Promise.all(
      servers.map(async ({ url }) =>
        Number(
          /^micropay_rate_limit_refusals_total\{policy="key-write"\} (\d+)$/m.exec(await readMetrics(url))?.[1] ?? 0,
        ),
      ),
    );
    expect(counted.reduce((sum, each) => sum + each, 0)).toBe(60 - allowed);
  });
});
