import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { type Follower, followStream } from './support/follow-stream.js';
import { readMetric } from './support/metrics.js';
import { openStream, type TestStream } from './support/open-stream.js';
import { startPayments } from './support/payments.js';
import { randomNumbers } from './support/random.js';
import { type MainProcess, type RunOptions, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

// Clients of the live stream who are cut off all at once and come back all at once, while payments go on.

const isLong = process.env.MICROPAY_TEST_LONG === '1';
const STREAMS_PER_USER = 5;
const CLIENTS = isLong ? 500 : 60;
const ROUNDS = isLong ? 8 : 4;
/** Cuts of all connections per round. */
const CUTS = 4;
const PAYMENTS_PER_SECOND = isLong ? 50 : 20;
/** Memory for the payments that the server remembers, and for Node itself. */
const SLACK_BYTES = 1_500_000;
const OPENING_BALANCE = 1_000_000n;
const CATCH_UP_MS = 120_000;
const TEST_TIMEOUT_MS = 1_200_000;
const REPORT_MEMORY = fileURLToPath(new URL('./support/report-memory.ts', import.meta.url));

let database: TestDatabase;
let server: MainProcess;
let url: string;

beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(async () => {
  await server?.stop('SIGKILL');
  await database?.drop();
});

async function start(options: RunOptions): Promise<void> {
  server = runMain({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY, LOG_LEVEL: 'silent' }, options);
  url = await server.listening();
}

/** Bytes in use, once garbage is collected. */
async function memoryInUse(): Promise<number> {
  const before = server.output().length;
  server.child.kill('SIGUSR2');
  const report = () => /^memory (\{.*\})$/m.exec(server.output().slice(before))?.[1];
  await expect.poll(report, { timeout: 30_000 }).toBeDefined();
  const { heapUsed, external } = JSON.parse(report() ?? '');
  return heapUsed + external;
}

async function openStreams(count: number): Promise<void> {
  const read = () => readMetric(url, 'micropay_event_streams');
  await expect.poll(read, { timeout: CATCH_UP_MS, interval: 200 }).toBe(count);
}

const together = (followers: readonly Follower[], act: (follower: Follower) => Promise<void>) =>
  Promise.all(followers.map(act));

async function storm(followers: readonly Follower[], random: (bound: number) => number): Promise<void> {
  for (let cut = 0; cut < CUTS; cut += 1) {
    await together(followers, (follower) => follower.cut());
    // Not waited for: the next cut meets clients at every point of their way in.
    const connecting = together(followers, (follower) => follower.connect());
    if (cut < CUTS - 1) await delay(random(500));
    else await connecting;
  }
}

/** Ids of all events that each user may see, in the order of the log. */
async function visibleEvents(users: readonly TestUser[]): Promise<ReadonlyMap<TestUser, readonly string[]>> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ id: string; parties: string[] | null; data: string | null }>(
    `select position, id::text, array[from_account, to_account]::text[] as parties, null as data from micropay.transfers
     union all select position, id::text, null, data::text from micropay.events order by position`,
  );
  await client.end();
  const idsFor = ({ id: userId, wallet }: TestUser) =>
    rows.flatMap(({ id, parties, data }) => {
      if (parties?.includes(wallet)) return [`${id}/transfer.posted`, `${id}/balance.changed/${wallet}`];
      return data?.includes(userId) ? [id] : [];
    });
  return new Map(users.map((user) => [user, idsFor(user)]));
}

/** Expects that every client has seen its user's events once and in order, and no others. */
async function expectAllSeen(followers: readonly Follower[]): Promise<number> {
  const visible = await visibleEvents([...new Set(followers.map(({ user }) => user))]);
  const isBehind = ({ user, events }: Follower) => events().length < (visible.get(user)?.length ?? 0);
  await expect.poll(() => followers.filter(isBehind).length, { timeout: CATCH_UP_MS, interval: 200 }).toBe(0);
  for (const { user, events } of followers) expect(events().map(({ data }) => data.id)).toEqual(visible.get(user));
  return followers.reduce((sum, { events }) => sum + events().length, 0);
}

it(
  `${CLIENTS} clients receive everything once and in order through storms of reconnections, in constant memory`,
  async () => {
    await start({ nodeWords: ['--expose-gc', '--import', 'tsx', '--import', REPORT_MEMORY] });
    const random = randomNumbers(1);
    const users: TestUser[] = [];
    for (let number = 0; number < CLIENTS / STREAMS_PER_USER; number += 1) {
      users.push(await registerUser(url, { balance: OPENING_BALANCE }));
    }
    const followers = users.flatMap((user) =>
      Array.from({ length: STREAMS_PER_USER }, () => followStream(url, user, '0')),
    );
    await together(followers, (follower) => follower.connect());
    const inUse: number[] = [];
    let [begun, seen] = [0, 0];
    for (let round = 0; round < ROUNDS; round += 1) {
      const payments = startPayments({
        ...{ url, users, random, perSecond: PAYMENTS_PER_SECOND },
        name: `round-${round}`,
      });
      await storm(followers, random);
      await openStreams(CLIENTS);
      await payments.stop();
      begun += payments.begun;
      seen = await expectAllSeen(followers);
      inUse.push(await memoryInUse());
    }
    const resident = (await readMetric(url, 'process_resident_memory_bytes')) ?? 0;
    await together(followers, (follower) => follower.cut());
    await openStreams(0);

    const refused = followers.reduce((sum, { refusals }) => sum + refusals(), 0);
    console.log(
      `${CLIENTS} clients were cut off ${ROUNDS * CUTS} times, and refused ${refused} times on their way back; ` +
        `${begun} payments, ${seen} events seen; in use after each round: ${inUse.map(megabytes).join(', ')}, ` +
        `${megabytes(await memoryInUse())} in the end, ${megabytes(resident)} resident`,
    );
    // The first two rounds warm up, and the last may have caught the server in the midst of something. Anything that stayed of a connection, its buffer for one, would be ten kilobytes and more.
    const connections = (ROUNDS - 2) * CUTS * CLIENTS;
    expect(Math.min(...inUse.slice(-2)) - (inUse[1] ?? 0)).toBeLessThan(SLACK_BYTES + connections * 2_000);
  },
  TEST_TIMEOUT_MS,
);

it('lets no more in than half of the files that may be open, and serves other requests beside them', async () => {
  // Enough for all the modules that Node may have open at once when it starts.
  const openFilesMax = 512;
  await start({ openFilesMax });
  const users = await Promise.all(Array.from({ length: 26 }, () => registerUser(url, { balance: 1n })));
  const streams: TestStream[] = [];
  for (const { token } of users) for (let count = 0; count < 10; count += 1) streams.push(await openStream(url, token));
  const statuses = streams.map(({ status }) => status);
  expect(statuses).toEqual(statuses.map((_, index) => (index < openFilesMax / 2 ? 200 : 503)));

  const [payer, payee] = users as [TestUser, TestUser];
  const refused = await call(url, 'GET /v1/events', { token: payee.token });
  expect([refused.status, refused.body.code]).toEqual([429, 'too_many_streams']);
  const full = await call(url, 'GET /v1/events', { token: OPERATOR_KEY });
  expect([full.status, full.body.code]).toEqual([503, 'overloaded']);
  const body = { from: payer.wallet, to: payee.wallet, amount: '1', currency: 'USD' };
  expect((await call(url, 'POST /v1/transfers', { token: payer.token, key: 'beside', body })).status).toBe(201);
  await expect.poll(() => streams[0]?.events().length).toBe(2);
  for (const stream of streams) await stream.close();
  await openStreams(0);
  await expect.poll(async () => (await call(url, 'GET /v1/events', { token: OPERATOR_KEY })).status).toBe(200);
});

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
