import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { sql } from 'kysely';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLoginAttempts } from '../src/auth/sign-in-attempts.js';
import { connect, type Database } from '../src/database/connect.js';
import type { UserId } from '../src/identity/user-id.js';
import { migrateServer } from '../src/process/migrate-server.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { createAttemptLimit, removeFullBuckets } from '../src/throttling/attempt-limit.js';
import { createRecipientLookUps } from '../src/transfers/recipient-look-ups.js';
import { call, registerUser } from './support/call.js';
import { testConfig } from './support/test-server.js';

const LEDGER = 'main';
let testDatabase: TestDatabase;
let database: Database;
/** Another process has a pool of its own. */
let other: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabase();
  await migrateServer({ database: testDatabase.url });
  [database, other] = [connect(testDatabase.url, 'micropay'), connect(testDatabase.url, 'micropay')];
});
afterAll(async () => {
  await Promise.all([database?.destroy(), other?.destroy()]);
  await testDatabase?.drop();
});
beforeEach(() => database.deleteFrom('attempts').execute());

const limitOf = (perMinute: number, policy = 'login') => createAttemptLimit(database, LEDGER, { policy, perMinute });

/** As if so many seconds had passed for the database's clock. */
async function pass(seconds: number): Promise<void> {
  await database
    .updateTable('attempts')
    .set({ full_at: sql<Date>`full_at - make_interval(secs => ${seconds})` })
    .execute();
}

/** Takes these attempts one after the other, and returns how many were allowed. */
async function allowed(takes: readonly (() => Promise<unknown>)[]): Promise<number> {
  const outcomes = await Promise.allSettled(takes.map((take) => take()));
  return outcomes.filter(({ status }) => status === 'fulfilled').length;
}

describe('an attempt limit', () => {
  it('an attempt limit counts down, refuses, and says how long to wait', async () => {
    const limit = limitOf(3);
    const left: (string | undefined)[] = [];
    for (let attempt = 0; attempt < 3; attempt += 1) left.push((await limit.take('alice')).ratelimit);
    expect(left).toEqual(['"login";r=2;t=20', '"login";r=1;t=20', '"login";r=0;t=20']);
    await expect(limit.take('alice')).rejects.toMatchObject({
      code: 'rate_limited',
      message: expect.stringMatching(/^wait (?:19|20) seconds/),
      headers: { 'ratelimit-policy': '"login";q=3;w=60', 'retry-after': expect.stringMatching(/^(?:19|20)$/) },
    });
  });

  it('an attempt limit refills steadily, up to its maximum', async () => {
    const limit = limitOf(3);
    for (let attempt = 0; attempt < 3; attempt += 1) await limit.take('alice');
    await pass(20);
    await limit.take('alice');
    await expect(limit.take('alice')).rejects.toThrow('wait');
    await pass(3_600);
    // Another process, as this one measures for itself how long alice has to wait.
    expect((await limitOf(3).take('alice')).ratelimit).toBe('"login";r=2;t=20');
  });

  it('an attempt limit counts each name, policy and ledger for itself', async () => {
    const limit = limitOf(1);
    await limit.take('alice');
    await expect(limit.take('alice')).rejects.toThrow('wait');
    expect((await limit.take('bob')).ratelimit).toContain('r=0');
    await limitOf(1, 'refresh').take('alice');
    await createAttemptLimit(database, 'other', { policy: 'login', perMinute: 1 }).take('alice');
  });

  it('an attempt limit counts many at once, all or none', async () => {
    const limit = limitOf(60, 'recipients');
    await limit.take('alice', 50);
    await expect(limit.take('alice', 30)).rejects.toThrow(/wait (?:19|20) seconds/);
    expect((await limit.take('alice', 10)).ratelimit).toBe('"recipients";r=0;t=1');
  });

  it('an attempt limit lasts no longer than its window when the clock of the database was set back by a day', async () => {
    const limit = limitOf(1);
    await limit.take('alice');
    await pass(-86_400);
    await expect(limit.take('alice')).rejects.toThrow('wait 60 seconds');
    await database.deleteFrom('attempts').execute();
    await limitOf(2).take('alice');
    await pass(-86_400);
    // Nothing is written by a refusal, so the row is the one of the day ahead until it is taken from or removed.
    await expect(limitOf(2).take('alice')).rejects.toThrow('wait 30 seconds');
  });

  it('an attempt limit allows two processes together what it allows one, however many ask at once', async () => {
    const limits = [database, other].map((pool) =>
      createAttemptLimit(pool, LEDGER, { policy: 'login', perMinute: 10 }),
    );
    const takes = Array.from({ length: 40 }, (_, index) => () => limits[index % 2]?.take('alice') ?? Promise.reject());
    expect(await allowed(takes)).toBe(10);
  });

  it('an attempt limit asks the database no more for a name that is used up, and others still have theirs', async () => {
    const own = connect(testDatabase.url, 'micropay');
    const limit = createAttemptLimit(own, LEDGER, { policy: 'login', perMinute: 1 });
    await limit.take('alice');
    await expect(limit.take('alice')).rejects.toThrow(/wait (?:59|60) seconds/);
    expect((await limit.take('bob')).ratelimit).toBe('"login";r=0;t=60');
    await own.destroy();
    await expect(limit.take('alice')).rejects.toMatchObject({ code: 'rate_limited' });
    expect(() => limit.refuseUsedUp('alice')).toThrow(/wait (?:59|60) seconds/);
    await expect(limit.take('carol')).rejects.not.toMatchObject({ code: 'rate_limited' });
  });

  it('an attempt limit that was used up admits again once an attempt is back', async () => {
    const limit = limitOf(1_200);
    await limit.take('alice', 1_200);
    await expect(limit.take('alice', 3)).rejects.toThrow('wait 1 seconds');
    await expect
      .poll(() =>
        limit.take('alice').then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
  });

  it('names whose attempts are all back are forgotten, and others are not', async () => {
    const limit = limitOf(3);
    await limit.take('alice');
    await pass(30);
    await limit.take('bob');
    await removeFullBuckets(database, LEDGER);
    expect(await database.selectFrom('attempts').select('policy').execute()).toHaveLength(1);
    expect((await limit.take('bob')).ratelimit).toBe('"login";r=1;t=20');
  });

  it('the table of attempts holds no email and no address', async () => {
    await createLoginAttempts(database, LEDGER).take('192.0.2.1', 'alice@example.com');
    const rows = await database.selectFrom('attempts').selectAll().execute();
    expect(rows).toHaveLength(2);
    for (const { name_hash } of rows) expect(name_hash.toString('latin1')).not.toMatch(/alice|192/);
  });
});

describe('logins', () => {
  it.each([
    ['one address', (_count: number) => '192.0.2.1'],
    ['one network of IPv6', (count: number) => `2001:db8::${count.toString(16)}:1`],
  ])('logins limit fresh emails from %s', async (_name, address) => {
    const attempts = createLoginAttempts(database, LEDGER);
    const takes = Array.from(
      { length: 100 },
      (_, count) => () => attempts.take(address(count), `person-${count}@example.com`),
    );
    expect(await allowed(takes)).toBe(100);
    const more = Array.from({ length: 30 }, (_, count) => attempts.take(address(count), `more-${count}`));
    const refused = (await Promise.allSettled(more)).filter(({ status }) => status === 'rejected');
    // All but what has refilled meanwhile.
    expect(refused.length).toBeGreaterThan(15);
    expect(refused[0]).toMatchObject({ reason: { message: expect.stringMatching(/^wait 1 seconds/) } });
    expect((await attempts.take('198.51.100.1', 'another@example.com')).ratelimit).toBe('"login";r=9;t=6');
    expect((await attempts.take('2001:db8:0:1::1', 'another@example.com')).ratelimit).toBe('"login";r=9;t=6');
  });

  it('logins count the addresses of one network of IPv6 as one for an email', async () => {
    const attempts = createLoginAttempts(database, LEDGER);
    for (let count = 0; count < 10; count += 1) await attempts.take(`2001:db8::${count}`, 'alice@example.com');
    await expect(attempts.take('2001:db8::ffff', 'alice@example.com')).rejects.toThrow('wait');
  });
});

describe('look-ups of recipients', () => {
  const user = (id: string, clientAddress = '192.0.2.1') => ({
    principal: { kind: 'user', id: id as UserId, sessionId: 's' } as const,
    clientAddress,
  });

  it('look-ups of recipients are counted one by one for a user', async () => {
    const lookUps = createRecipientLookUps(database, LEDGER);
    await lookUps.take(user('a'), 50);
    await expect(lookUps.take(user('a'), 20)).rejects.toThrow(/wait (?:9|10) seconds/);
    await lookUps.take(user('a'), 10);
    await expect(lookUps.take(user('a'), 10)).rejects.toThrow('wait');
    await lookUps.take(user('a'), 0);
  });

  it('look-ups of recipients are refused at once if there could never be so many', async () => {
    const lookUps = createRecipientLookUps(database, LEDGER);
    await expect(lookUps.take(user('a'), 61)).rejects.toThrow('at most 60 emails in one request');
  });

  it('look-ups of recipients by the users of one network are counted together', async () => {
    const lookUps = createRecipientLookUps(database, LEDGER);
    for (let count = 0; count < 10; count += 1) await lookUps.take(user(`user ${count}`, `2001:db8::${count}`), 60);
    await expect(lookUps.take(user('another', '2001:db8::ffff'), 60)).rejects.toThrow('wait');
    await lookUps.take(user('elsewhere', '2001:db8:0:1::1'), 60);
  });

  it('operators may look up whom they like', async () => {
    const lookUps = createRecipientLookUps(database, LEDGER);
    await lookUps.take(
      {
        principal: { kind: 'operator', id: 'o', scopes: new Set(), networks: undefined, expires: false },
        clientAddress: '',
      },
      1_000,
    );
  });
});

describe('two servers on one database', () => {
  let servers: readonly RunningServer[];

  beforeAll(async () => {
    servers = [await startServer(testConfig(testDatabase.url)), await startServer(testConfig(testDatabase.url))];
  });
  afterAll(() => Promise.all((servers ?? []).map((server) => server.close())));

  const urlOf = (index: number) => servers[index % 2]?.url ?? '';

  it('two servers on one database allow together the logins that one allows', async () => {
    const body = { email: 'guessed@example.com', password: 'a wrong password' };
    const replies = await Promise.all(
      Array.from({ length: 16 }, (_, index) => call(urlOf(index), 'POST /v1/auth/login', { body })),
    );
    const statuses = replies.map(({ status }) => status);
    expect(statuses.filter((status) => status === 401)).toHaveLength(10);
    expect(statuses.filter((status) => status === 429)).toHaveLength(6);
  });

  it('two servers on one database allow together the refreshes that one allows', async () => {
    const body = { refreshToken: 'mpr_of-nobody' };
    const replies = await Promise.all(
      Array.from({ length: 16 }, (_, index) => call(urlOf(index), 'POST /v1/auth/refresh', { body })),
    );
    expect(replies.filter(({ status }) => status === 429)).toHaveLength(6);
  });

  it('two servers on one database allow together the payments to emails that one allows', async () => {
    const alice = await registerUser(urlOf(0), { balance: 1_000n });
    const replies = await Promise.all(
      Array.from({ length: 4 }, (_, batch) => {
        const transfers = Array.from({ length: 20 }, (_unused, index) => ({
          from: alice.wallet,
          to: `nobody-${batch}-${index}@example.com`,
          amount: '1',
          currency: 'USD',
          idempotencyKey: `${batch}-${index}`,
        }));
        return call(urlOf(batch), 'POST /v1/transfers/batch', { token: alice.token, body: { transfers } });
      }),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 200, 429]);
  });

  it.each([
    ['by batch', 'POST /v1/transfers/batch', 20],
    ['by linked group', 'POST /v1/transfers/linked', 20],
    ['one by one', 'POST /v1/transfers', 1],
  ])(
    'two servers on one database let a user find out about sixty emails a minute %s, and none more in another way',
    async (_, target, size) => {
      const alice = await registerUser(urlOf(0), { balance: 1_000n });
      const pay = (to: string) => ({ from: alice.wallet, to, amount: '1', currency: 'USD' });
      const ask = (way: string, emails: readonly string[], index = 0) => {
        const key = randomUUID();
        const transfers = emails.map(pay);
        const withKeys = transfers.map((transfer) => ({ ...transfer, idempotencyKey: randomUUID() }));
        const bodies: Readonly<Record<string, unknown>> = {
          'POST /v1/transfers/batch': { transfers: withKeys },
          'POST /v1/transfers/linked': { transfers },
          'POST /v1/transfers': transfers[0],
        };
        const options = { token: alice.token, body: bodies[way], ...(way.endsWith('/batch') ? {} : { key }) };
        return call(urlOf(index), way, options);
      };
      const emails = (count: number) => Array.from({ length: count }, () => `${randomUUID()}@example.com`);
      const replies = await Promise.all(
        Array.from({ length: 60 / size }, (_unused, index) => ask(target, emails(size), index)),
      );
      expect(replies.filter(({ status }) => status === 429)).toEqual([]);
      // With what has refilled meanwhile, which is one email a second.
      const more = await Promise.all(Array.from({ length: 20 }, (_unused, index) => ask(target, emails(size), index)));
      expect(more.filter(({ status }) => status === 429).length).toBeGreaterThan(10);
      for (const way of ['POST /v1/transfers/batch', 'POST /v1/transfers/linked']) {
        expect((await ask(way, emails(20))).body.code).toBe('rate_limited');
      }
    },
  );
});
