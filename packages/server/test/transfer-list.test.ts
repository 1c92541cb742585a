import { randomUUID } from 'node:crypto';
import { createLedger } from '@micropay/ledger-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, registerUser, type TestUser } from './support/call.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
/** Has a part in nothing. */
let carol: TestUser;
let support: TestUser;
let paid: { readonly id: string; readonly groupId: string; readonly key: string };

beforeAll(async () => {
  server = await startTestServer();
  [alice, bob, carol, support] = await Promise.all([
    registerUser(server.url, { balance: 10_000n }),
    registerUser(server.url),
    registerUser(server.url),
    registerUser(server.url),
  ]);
  await call(server.url, `POST /v1/users/${support.id}/roles/grant`, {
    ...{ token: OPERATOR_KEY, key: randomUUID(), body: { role: 'support' } },
  });
  const key = randomUUID();
  const { body } = await call(server.url, 'POST /v1/transfers', {
    ...{ token: alice.token, key },
    body: {
      ...{ from: alice.wallet, to: bob.wallet, amount: '100', currency: 'USD', description: 'Lunch with Bob' },
      ...{ reference: 'order-4711', metadata: { orderId: '4711' } },
    },
  });
  const linked = await call(server.url, 'POST /v1/transfers/linked', {
    ...{ token: alice.token, key: randomUUID() },
    body: { transfers: [{ from: alice.wallet, to: bob.wallet, amount: '7', currency: 'USD' }] },
  });
  paid = { id: body.id, groupId: linked.body.results[0].transfer.groupId, key };
});
afterAll(() => server.stop());

function find(token: string, query: Record<string, string>) {
  return call(server.url, `GET /v1/transfers?${new URLSearchParams(query)}`, { token });
}

async function idsOf(token: string, query: Record<string, string>): Promise<readonly string[]> {
  const { status, body } = await find(token, query);
  expect([status, body.code]).toEqual([200, undefined]);
  return body.data.map(({ id }: { id: string }) => id);
}

describe('a search for transfers', () => {
  it.each<[string, () => Record<string, string>]>([
    ['a reference', () => ({ reference: 'order-4711' })],
    ['words', () => ({ account: alice.wallet, words: 'bob lunch' })],
    ['a member of the metadata', () => ({ account: alice.wallet, metadata: '{"orderId":"4711"}' })],
    ['an amount', () => ({ account: alice.wallet, amountMin: '100', amountMax: '100' })],
    [
      'a counterparty and a kind',
      () => ({ account: alice.wallet, counterparty: bob.wallet, kinds: 'hold,transfer', amountMin: '8' }),
    ],
    [
      'days',
      () => ({
        account: alice.wallet,
        recordedFrom: '2020-01-01',
        effectiveTo: '2100-01-01',
        amountMax: '100',
        amountMin: '8',
      }),
    ],
  ])('finds a payment by %s for payer, operator and support, and nothing for others', async (_, query) => {
    for (const token of [alice.token, OPERATOR_KEY, support.token])
      expect(await idsOf(token, query())).toEqual([paid.id]);
    const others = { ...query() };
    if (others.account === undefined) {
      expect(await idsOf(bob.token, others)).toEqual([paid.id]);
      expect((await find(carol.token, others)).body).toEqual({ data: [], nextCursor: null });
    } else {
      expect((await find(carol.token, others)).body.code).toBe('account_not_found');
    }
  });

  it('of a user without a filter has the transfers of their wallets alone, and shows only their own balances', async () => {
    expect(await idsOf(carol.token, {})).toEqual([]);
    const { body } = await find(bob.token, {});
    expect(body.data).toHaveLength(2);
    for (const transfer of body.data) expect(transfer).toMatchObject({ to: bob.wallet, fromBalance: null });
    expect(body.data.every(({ toBalance }: { toBalance: unknown }) => typeof toBalance === 'string')).toBe(true);
    expect((await idsOf(OPERATOR_KEY, {})).length).toBe(3);
  });

  it('finds by idempotency key in the caller’s own scope, for operators in that of whom they name', async () => {
    const query = { idempotencyKey: paid.key };
    expect(await idsOf(alice.token, query)).toEqual([paid.id]);
    for (const token of [bob.token, carol.token, OPERATOR_KEY]) expect(await idsOf(token, query)).toEqual([]);
    expect(await idsOf(OPERATOR_KEY, { ...query, principal: alice.id })).toEqual([paid.id]);
    expect((await find(bob.token, { ...query, principal: alice.id })).status).toBe(403);
  });

  it('finds a group for those who have a part in it', async () => {
    for (const token of [alice.token, bob.token, OPERATOR_KEY])
      expect(await idsOf(token, { groupId: paid.groupId })).toEqual([paid.groupId]);
    expect(await idsOf(carol.token, { groupId: paid.groupId })).toEqual([]);
  });

  it('answers alike for a counterparty that is not there and one that a user has nothing to do with', async () => {
    const ofNobody = await find(carol.token, { account: carol.wallet, counterparty: randomUUID() });
    expect((await find(carol.token, { account: carol.wallet, counterparty: alice.wallet })).body).toEqual(
      ofNobody.body,
    );
  });

  it('takes the address of a counterparty from operators alone: users cannot guess which accounts there are', async () => {
    const query = { account: alice.wallet, counterparty: 'world:usd' };
    const [deposit = ''] = await idsOf(OPERATOR_KEY, query);
    expect(deposit).toMatch(/^[0-9a-f-]{36}$/);
    expect(await idsOf(support.token, query)).toEqual([deposit]);
    const guess = await find(alice.token, query);
    expect(guess.body).toEqual({ data: [], nextCursor: null });
    expect((await find(alice.token, { ...query, counterparty: 'no:body' })).body).toEqual(guess.body);
    const { body } = await call(server.url, `GET /v1/transfers/${deposit}`, { token: alice.token });
    expect(await idsOf(alice.token, { ...query, counterparty: body.from })).toEqual([deposit]);
  });

  it('of a user with more than 100 wallets asks them to name one, and no field that they may not send', async () => {
    const ledger = createLedger({ database: server.databaseUrl });
    for (let n = 0; n < 100; n += 1) {
      await ledger.accounts.open({ address: `users:${carol.id}:w${n}`, currency: 'USD' });
    }
    await ledger.close();
    const { status, body } = await find(carol.token, {});
    expect([status, body.code]).toEqual([422, 'filter_too_broad']);
    expect(body.errors).toEqual([{ path: 'account', message: body.detail }]);
    expect(body.detail).not.toContain('accountPath');
    expect(await idsOf(carol.token, { account: carol.wallet })).toEqual([]);
  });

  it('pages from the newest and from the oldest to the same transfers', async () => {
    const pages = async (order: string) => {
      const ids: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const { body } = await find(alice.token, { order, limit: '1', ...(cursor === undefined ? {} : { cursor }) });
        ids.push(...body.data.map(({ id }: { id: string }) => id));
        cursor = body.nextCursor;
      }
      return ids;
    };
    const newest = await pages('newest');
    expect(newest).toHaveLength(3);
    expect(await pages('oldest')).toEqual(newest.toReversed());
  });

  it.each<[string, number, () => string, Record<string, string>]>([
    ['filter_too_broad', 422, () => OPERATOR_KEY, { words: 'lunch' }],
    ['filter_too_broad', 422, () => support.token, { amountMin: '1' }],
    ['forbidden', 403, () => alice.token, { accountPath: 'users' }],
    ['account_not_found', 404, () => alice.token, { account: 'world:usd' }],
    ['account_not_found', 404, () => OPERATOR_KEY, { account: 'nobody' }],
    ['invalid_request', 400, () => alice.token, { kinds: 'payment' }],
    ['invalid_request', 400, () => alice.token, { metadata: '{' }],
    ['invalid_request', 400, () => alice.token, { metadata: '{"a":{}}' }],
    ['invalid_request', 400, () => alice.token, { unknown: '1' }],
    ['invalid_period', 422, () => alice.token, { recordedFrom: '2026-01-02', recordedTo: '2026-01-02' }],
    ['invalid_cursor', 422, () => alice.token, { cursor: 'abc' }],
  ])('answers %s with %i for filter %#', async (code, status, token, query) => {
    expect(await find(token(), query)).toMatchObject({ status, body: { code } });
  });
});
