import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromSqlError } from '@micropay/ledger-core/pg';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../src/database/connect.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { balanceOf, call, type Reply, registerUser, type TestUser } from './support/call.js';
import { OPERATOR_KEY, testConfig } from './support/test-server.js';

let postgres: LocalPostgres;
let server: RunningServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  postgres = await startTemporaryPostgres({ durable: false });
  server = await startServer(testConfig(await postgres.database('micropay')));
  alice = await registerUser(server.url, { balance: 1_000_000n });
  bob = await registerUser(server.url);
});
afterAll(async () => {
  await server.close();
  postgres.stop();
});

function pay(key: string): Promise<Reply> {
  return call(server.url, 'POST /v1/transfers', {
    token: alice.token,
    key,
    body: { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' },
  });
}

/**
 * Kills PostgreSQL, asks until that is noticed, starts it again, and asks until it serves. Answers what came before it served;
 * how long any of it takes does not count.
 */
async function whileAway(request: () => Promise<Reply>): Promise<readonly Reply[]> {
  process.kill(postgres.pid, 'SIGKILL');
  const replies: Reply[] = [];
  const isServed = ({ status }: Reply) => status < 300;
  const ask = async () => {
    const reply = await request();
    replies.push(reply);
    return isServed(reply);
  };
  // A connection whose statement is under way outlives the server for a moment.
  while (await ask());
  await postgres.restart();
  while (!(await ask()));
  return replies.filter((reply) => !isServed(reply));
}

it('a connection that breaks in the middle of a transaction does not end the process', async () => {
  const database = connect(await postgres.database('micropay'), 'micropay');
  const transaction = database.transaction().execute(async (open) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(open);
    await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(database);
    await sleep(200);
    await sql`select 1`.execute(open);
  });
  const refusal = fromSqlError(await transaction.catch((error: unknown) => error));
  expect(refusal).toMatchObject({ code: 'database_unavailable' });
  await database.destroy();
});

describe('while the database is away', () => {
  it('while the database is unavailable, payments succeed or get 503 with Retry-After; then service resumes by itself, and each key counts once', async () => {
    const keys: string[] = [];
    const before = BigInt(await balanceOf(server.url, bob));
    const refused = await whileAway(() => {
      const key = randomUUID();
      keys.push(key);
      return pay(key);
    });
    for (const { status, body, headers } of refused) {
      expect(status).toBe(503);
      expect(['database_unavailable', 'outcome_unknown']).toContain(body.code);
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    }
    // Refused callers repeat with the same key; acknowledged callers may do so too.
    for (const key of keys) expect((await pay(key)).status).toBe(201);
    expect(BigInt(await balanceOf(server.url, bob)) - before).toBe(BigInt(keys.length));
  });

  it.each([
    ['readiness', () => call(server.url, 'GET /readyz')],
    [
      'a registration',
      () =>
        call(server.url, 'POST /v1/auth/register', {
          body: { email: `${randomUUID()}@example.com`, password: 'battery staple horse' },
        }),
    ],
    ['a wallet', () => call(server.url, `GET /v1/wallets/${alice.wallet}`, { token: alice.token })],
    ['the user', () => call(server.url, 'GET /v1/me', { token: alice.token })],
  ])('%s answers 503 and recovers', async (_name, request) => {
    const refused = await whileAway(request);
    expect(new Set(refused.map(({ status, body }) => `${status} ${body.code}`))).toEqual(
      new Set(['503 database_unavailable']),
    );
    expect((await call(server.url, 'GET /livez')).status).toBe(200);
  });

  it('while the database is away leaves a ledger that verifies', async () => {
    const { body } = await call(server.url, 'GET /v1/verify', { token: OPERATOR_KEY });
    expect(body).toMatchObject({ ok: true, problems: [] });
  });
});
