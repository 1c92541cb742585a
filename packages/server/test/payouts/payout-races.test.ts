import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, type Reply, registerUser, type TestUser } from '../support/call.js';
import { runMain } from '../support/run-main.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';

const ROUNDS = 8;
const CALLERS = 64;
const ACTIONS = ['take', 'cancel', 'pay', 'fail'] as const;
const BODIES = { take: undefined, cancel: undefined, pay: { reference: 'po_1' }, fail: { reason: 'Broken' } };
const STATES = { take: 'processing', cancel: 'cancelled', pay: 'paid', fail: 'failed' };

let server: TestServer;
let client: pg.Client;
let alice: TestUser;

beforeAll(async () => {
  server = await startTestServer();
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  alice = await registerUser(server.url, { balance: 1_000n });
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const order = (user: TestUser, amount = '10') => ({
  from: user.wallet,
  amount,
  currency: 'USD',
  destination: { iban: 'DE00' },
});
const post = (path: string, token: string, body?: unknown, key: string = randomUUID(), url = server.url) =>
  call(url, `POST ${path}`, { token, key, body });
const isDone = ({ status, headers }: Reply) => status === 200 && headers.get('idempotent-replayed') === null;
const availableOf = async ({ wallet, token }: TestUser) =>
  (await call(server.url, `GET /v1/wallets/${wallet}`, { token })).body.available;

/** Rows and holds that do not agree about what became of a payout. */
async function disagreements(): Promise<readonly object[]> {
  const { rows } = await client.query(
    `select h.id, h.state as hold, p.state from micropay.holds h
       join micropay.accounts a on a.id = h.to_account and a.address like 'world:payouts:%'
       left join micropay.payouts p on p.id = h.id
     where p.state is null or h.state::text <> case p.state
       when 'paid' then 'captured' when 'failed' then 'released' when 'cancelled' then 'released' else 'open' end`,
  );
  return rows;
}

describe('a race', () => {
  it('a race of payouts with the closing of their account ends without a deadlock', { timeout: 120_000 }, async () => {
    for (let round = 0; round < ROUNDS; round += 1) {
      const user = await registerUser(server.url, { balance: 10n });
      const first = (await post('/v1/payouts', user.token, order(user))).body;
      const key = randomUUID();
      await post(`/v1/payouts/${first.id}/take`, OPERATOR_KEY);
      await post(`/v1/payouts/${first.id}/pay`, OPERATOR_KEY, BODIES.pay, key);
      const replies = await Promise.all([
        ...[1, 2, 3].map(() => post('/v1/payouts', user.token, order(user))),
        call(server.url, 'POST /v1/me/close', { token: user.token, body: { password: user.password } }),
        ...[1, 2, 3].map(() => post(`/v1/payouts/${first.id}/pay`, OPERATOR_KEY, BODIES.pay, key)),
      ]);
      const statuses = replies.map(({ status }) => status);
      expect([statuses[3], ...statuses.slice(4)]).toEqual([204, 200, 200, 200]);
      for (const status of statuses.slice(0, 3)) expect([401, 404, 422]).toContain(status);
      const { rows } = await client.query('select destination from micropay.payouts where id = $1', [first.id]);
      expect(rows).toEqual([{ destination: null }]);
    }
  });

  it('a race of cancelling, taking up, paying and failing has one outcome', { timeout: 120_000 }, async () => {
    const outcomes = new Set<string>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = BigInt(await balanceOf(server.url, alice));
      const { body } = await post('/v1/payouts', alice.token, order(alice));
      const path = (action: string) => `/v1/payouts/${body.id}/${action}`;
      // Beginning with another one each round, which has a start of some milliseconds, so that not always the same wins.
      const actions = [...ACTIONS.slice(round % 4), ...ACTIONS.slice(0, round % 4)];
      const replies = await Promise.all(
        Array.from({ length: CALLERS / ACTIONS.length }, () => actions)
          .flat()
          .map(async (action, place) => {
            if (place > 0) await delay(round);
            const by = action === 'cancel' ? alice.token : OPERATOR_KEY;
            return { action, reply: await post(path(action), by, BODIES[action]) };
          }),
      );
      for (const { reply } of replies) expect([200, 422]).toContain(reply.status);
      const done = replies.filter(({ reply }) => isDone(reply)).map(({ action }) => action);
      const taken = done.filter((action) => action === 'take').length;
      const ends = done.filter((action) => action !== 'take');
      expect(taken).toBeLessThanOrEqual(1);
      expect(ends.length).toBeLessThanOrEqual(1);
      if (ends[0] === 'cancel') expect(taken).toBe(0);
      if (ends[0] === 'pay') expect(taken).toBe(1);
      const { state } = (await call(server.url, `GET /v1/payouts/${body.id}`, { token: alice.token })).body;
      expect(state).toBe(STATES[ends[0] ?? 'take']);
      outcomes.add(state);
      if (state === 'processing')
        expect((await post(path('fail'), OPERATOR_KEY, { reason: 'Broken' })).status).toBe(200);
      const after = BigInt(await balanceOf(server.url, alice));
      expect([after, await availableOf(alice)]).toEqual([state === 'paid' ? before - 10n : before, String(after)]);
    }
    expect(outcomes.size).toBeGreaterThan(1);
    expect(await disagreements()).toEqual([]);
    expect((await call(server.url, 'GET /v1/verify', { token: OPERATOR_KEY })).body.ok).toBe(true);
  });

  it('a race of requests under one key asks for one payout', async () => {
    const key = randomUUID();
    const before = BigInt(await availableOf(alice));
    const replies = await Promise.all(
      Array.from({ length: 16 }, () => post('/v1/payouts', alice.token, order(alice), key)),
    );
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    expect(replies.filter(({ headers }) => headers.get('idempotent-replayed') === null)).toHaveLength(1);
    expect(BigInt(await availableOf(alice))).toBe(before - 10n);
  });

  it('a race of take-ups of many payouts under one key takes up one', async () => {
    const payouts = await Promise.all(
      Array.from({ length: 8 }, () => post('/v1/payouts', alice.token, order(alice, '1'))),
    );
    const key = randomUUID();
    const replies = await Promise.all(
      payouts.map(({ body }) => post(`/v1/payouts/${body.id}/take`, OPERATOR_KEY, undefined, key)),
    );
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1);
    const codes = replies.filter(({ status }) => status !== 200).map(({ body }) => body.code);
    expect(new Set(codes)).toEqual(new Set(['idempotency_key_reused']));
  });

  it('an account that is closed while a payout is asked for has none open', async () => {
    for (let round = 0; round < 10; round += 1) {
      const user = await registerUser(server.url, { balance: 1n });
      const { body: other } = await post('/v1/wallets', alice.token, { currency: 'USD', name: `spare-${round}` });
      // Empty by the time it is closed, or not.
      const [, asked, closed] = await Promise.all([
        post('/v1/transfers', user.token, { from: user.wallet, to: other.id, amount: '1', currency: 'USD' }),
        post('/v1/payouts', user.token, order(user, '1')),
        post('/v1/me/close', user.token, { password: user.password }),
      ]);
      const { rows } = await client.query('select state, destination from micropay.payouts where user_id = $1', [
        user.id,
      ]);
      if (asked.status === 201) expect(rows).toEqual([{ state: 'requested', destination: { iban: 'DE00' } }]);
      else expect(rows).toEqual([]);
      for (const { status } of [asked, closed]) expect(status).toBeLessThan(500);
      if (asked.status === 201) expect(['payout_open', 'account_not_empty']).toContain(closed.body.code);
    }
  });
});

describe('a crash', () => {
  it('a crash between the hold and the payout leaves neither, and one between the money and the state too', async () => {
    const available = await availableOf(alice);
    const { body: open } = await post('/v1/payouts', alice.token, order(alice));
    await post(`/v1/payouts/${open.id}/take`, OPERATOR_KEY);
    await client.query(`create function micropay.break_payouts() returns trigger language plpgsql as
      $$ begin raise exception 'broken by the test'; end $$;
      create trigger broken before insert or update on micropay.payouts execute function micropay.break_payouts()`);
    const [asking, paying] = [randomUUID(), randomUUID()];
    const ask = () => post('/v1/payouts', alice.token, order(alice), asking);
    const pay = () => post(`/v1/payouts/${open.id}/pay`, OPERATOR_KEY, { reference: 'po_1' }, paying);
    expect([(await ask()).status, (await pay()).status]).toEqual([500, 500]);
    expect(await availableOf(alice)).toBe(String(BigInt(available) - 10n));
    expect(await disagreements()).toEqual([]);
    await client.query('drop function micropay.break_payouts() cascade');
    const [asked, paid] = [await ask(), await pay()];
    expect([asked.status, paid.body.state]).toEqual([201, 'paid']);
    for (const { headers } of [asked, paid]) expect(headers.get('idempotent-replayed')).toBeNull();
    expect(await disagreements()).toEqual([]);
  });

  it('a server that is killed again and again loses and doubles no payout', { timeout: 180_000 }, async () => {
    const user = await registerUser(server.url, { balance: 1_000n });
    const environment = { DATABASE_URL: server.databaseUrl, OPERATOR_API_KEY: OPERATOR_KEY };
    let main = runMain(environment);
    let url = await main.listening();
    let isOver = false;
    const keys: string[] = [];
    /** Repeats a request under its key until it has an answer, whichever server that is from. */
    async function surely(path: string, token: string, key: string, body?: unknown): Promise<Reply> {
      for (;;) {
        const reply = await post(path, token, body, key, url).catch(() => undefined);
        if (reply !== undefined && reply.status < 500) return reply;
        await delay(50);
      }
    }
    async function makePayouts(): Promise<void> {
      while (!isOver) {
        const key = randomUUID();
        keys.push(key);
        const { body } = await surely('/v1/payouts', user.token, key, order(user, '1'));
        await surely(`/v1/payouts/${body.id}/take`, OPERATOR_KEY, `take-${key}`);
        const paid = await surely(`/v1/payouts/${body.id}/pay`, OPERATOR_KEY, `pay-${key}`, { reference: key });
        expect(paid.body).toMatchObject({ state: 'paid', reference: key });
      }
    }
    const working = Array.from({ length: 4 }, makePayouts);
    for (let kills = 0; kills < 2; kills += 1) {
      const count = keys.length;
      await expect.poll(() => keys.length, { timeout: 30_000 }).toBeGreaterThan(count + 20);
      await main.stop('SIGKILL');
      main = runMain(environment);
      url = await main.listening();
    }
    isOver = true;
    await Promise.all(working);
    await main.stop();
    const { rows } = await client.query('select state, reference from micropay.payouts where user_id = $1', [user.id]);
    expect(rows.map(({ state }) => state)).toEqual(keys.map(() => 'paid'));
    expect(new Set(rows.map(({ reference }) => reference))).toEqual(new Set(keys));
    expect(await balanceOf(server.url, user)).toBe(String(1_000 - keys.length));
    expect(await disagreements()).toEqual([]);
    expect((await call(server.url, 'GET /v1/verify', { token: OPERATOR_KEY })).body.ok).toBe(true);
  });
});
