import { randomUUID } from 'node:crypto';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { type MainProcess, runMain } from './support/run-main.js';
import { OPERATOR_KEY } from './support/test-server.js';

let database: TestDatabase;
let processes: readonly MainProcess[];
let one: string;
let other: string;

beforeAll(async () => {
  database = await createTestDatabase();
  // Both start at once on a database that neither has migrated.
  processes = [1, 2].map(() => runMain({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY }));
  [one = '', other = ''] = await Promise.all(processes.map((main) => main.listening()));
});
afterAll(async () => {
  await Promise.all(processes.map((main) => main.stop()));
  await database.drop();
});

const walletAt = async (url: string, { token, wallet }: TestUser) =>
  (await call(url, `GET /v1/wallets/${wallet}`, { token })).body;

describe('two processes on one database', () => {
  it('two processes on one database are one service to their users', async () => {
    const alice = await registerUser(one, { balance: 5_000n });
    const bob = await registerUser(other);
    const payment = {
      token: alice.token,
      key: randomUUID(),
      body: { from: alice.wallet, to: bob.email, amount: '1250', currency: 'USD' },
    };
    const first = await call(one, 'POST /v1/transfers', payment);
    const again = await call(other, 'POST /v1/transfers', payment);
    expect([first.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toEqual(first.body);
    expect((await walletAt(one, bob)).balance).toBe('1250');
    expect((await walletAt(other, alice)).balance).toBe('3750');
  });

  it('two processes on one database never pay more than there is, nor one key twice', async () => {
    const alice = await registerUser(one, { balance: 100n });
    const bob = await registerUser(other);
    const body = { from: alice.wallet, to: bob.wallet, amount: '30', currency: 'USD' };
    const keys = Array.from({ length: 10 }, () => randomUUID());
    const replies = await Promise.all(
      keys.flatMap((key) =>
        [one, other].map((url) => call(url, 'POST /v1/transfers', { token: alice.token, key, body })),
      ),
    );
    const posted = replies.filter(({ status }) => status === 201);
    expect(new Set(posted.map((reply) => reply.body.id)).size).toBe(3);
    expect(posted.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(3);
    expect(replies.filter(({ body: answer }) => answer.code === 'insufficient_funds')).toHaveLength(14);
    expect((await walletAt(other, alice)).balance).toBe('10');
  });

  it('two processes on one database end a session in both within five seconds', async () => {
    const user = await registerUser(one);
    expect((await walletAt(other, user)).balance).toBe('0');
    await call(one, 'POST /v1/auth/logout', { body: { refreshToken: user.refreshToken } });
    await expect.poll(async () => (await walletAt(other, user)).code, { timeout: 5_000 }).toBe('token_invalid');
  });

  it('two processes on one database leave a ledger that verifies', async () => {
    const { body } = await call(other, 'GET /v1/verify', { token: OPERATOR_KEY });
    expect(body).toMatchObject({ ok: true, problems: [] });
  });
});
