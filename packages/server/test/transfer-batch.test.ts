import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, registerUser, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import type { TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(1_000_000n, 100n);
});
afterAll(() => server.stop());

type Transfer = Record<string, unknown>;

const transferOf = (change: Transfer = {}): Transfer => ({
  from: alice.wallet,
  to: bob.wallet,
  amount: '1',
  currency: 'USD',
  ...change,
});
const keyed = (change: Transfer = {}): Transfer => transferOf({ idempotencyKey: randomUUID(), ...change });
const post = (transfers: Transfer[], options: { linked?: boolean; key?: string } = {}) =>
  call(server.url, `POST /v1/transfers/${options.linked === true ? 'linked' : 'batch'}`, {
    token: alice.token,
    key: options.key,
    body: { transfers },
  });

describe('a batch', () => {
  it('a batch has a result for each, although PostgreSQL refuses one for a reason that nobody knows', async () => {
    const database = new pg.Client({ connectionString: server.databaseUrl });
    await database.connect();
    await database.query('alter table micropay.transfers add constraint unlucky check (amount <> 13)');
    const { status, body } = await post([keyed(), keyed({ amount: '13' }), keyed()]);
    await database.query('alter table micropay.transfers drop constraint unlucky');
    await database.end();
    expect(status).toBe(200);
    expect(body.results).toMatchObject([
      { ok: true },
      { ok: false, error: { code: 'internal_error', status: 500 } },
      { ok: true },
    ]);
  });

  it('a batch returns a result for each transfer in order, refused ones between posted ones', async () => {
    const { status, body } = await post([
      keyed(),
      keyed({ amount: '99999999' }),
      keyed({ from: bob.wallet }),
      keyed({ to: `${randomUUID()}@example.com` }),
      keyed({ to: bob.email }),
      keyed({ to: randomUUID() }),
      keyed({ to: alice.wallet }),
      keyed({ currency: 'EUR' }),
    ]);
    expect(status).toBe(200);
    expect(body.results.map((result: { ok: boolean; error?: { code: string } }) => result.error?.code ?? 'ok')).toEqual(
      [
        'ok',
        'insufficient_funds',
        'account_not_found',
        'recipient_not_found',
        'ok',
        'account_not_found',
        'same_account',
        'currency_mismatch',
      ],
    );
    expect(body.results[0]).toMatchObject({ ok: true, replayed: false, transfer: { to: bob.wallet, toBalance: null } });
    expect(body.results[1]).toMatchObject({ ok: false, error: { status: 422, title: 'Insufficient funds' } });
  });

  it('a batch is applied in order: the second sees the balance the first left', async () => {
    const { body } = await post([keyed({ amount: '10' }), keyed({ amount: '10' })]);
    const [first, second] = body.results.map(({ transfer }: { transfer: { fromBalance: string } }) =>
      BigInt(transfer.fromBalance),
    );
    expect(first - second).toBe(10n);
  });

  it('a batch replays transfer by transfer, and within itself', async () => {
    const transfers = [keyed(), keyed()];
    const first = await post(transfers);
    const before = await balanceOf(server.url, alice);
    const again = await post([...transfers, ...transfers.slice(0, 1)]);
    expect(again.body.results.map(({ replayed }: { replayed: boolean }) => replayed)).toEqual([true, true, true]);
    expect(again.body.results[1].transfer).toEqual(first.body.results[1].transfer);
    expect(await balanceOf(server.url, alice)).toBe(before);
  });

  it('a batch takes a thousand transfers', async () => {
    const before = BigInt(await balanceOf(server.url, alice));
    const { status, body } = await post(Array.from({ length: 1_000 }, () => keyed()));
    expect([status, body.results.length]).toEqual([200, 1_000]);
    expect(await balanceOf(server.url, alice)).toBe(String(before - 1_000n));
  });

  it.each([
    ['no transfers', () => [], 'invalid_request'],
    ['more than a thousand', () => Array.from({ length: 1_001 }, () => keyed()), 'invalid_request'],
    ['a transfer without a key', () => [keyed(), transferOf()], 'invalid_request'],
    ['a transfer with an empty key', () => [keyed({ idempotencyKey: '' })], 'invalid_request'],
    ['a key that a header would trim', () => [keyed({ idempotencyKey: ' x' })], 'invalid_request'],
    ['a key that ends with a space', () => [keyed({ idempotencyKey: 'x ' })], 'invalid_request'],
    ['a malformed amount', () => [keyed(), keyed({ amount: '0' })], 'invalid_amount'],
    ['an unknown field', () => [keyed({ note: 'x' })], 'invalid_request'],
  ])('a batch with %s is refused as a whole', async (_name, transfers, code) => {
    const before = await balanceOf(server.url, alice);
    const { status, body } = await post(transfers());
    expect([status, body.code]).toEqual([400, code]);
    expect(await balanceOf(server.url, alice)).toBe(before);
  });

  it('a batch names the field that is wrong', async () => {
    const { body } = await post([keyed(), keyed({ amount: '01' })]);
    expect(body.errors).toEqual([{ path: 'transfers.1.amount', message: expect.stringContaining('whole number') }]);
  });
});

it('a batch does not reveal which emails of a list are registered', async () => {
  const curious = await registerUser(server.url);
  const guess = (transfers: Transfer[]) =>
    call(server.url, 'POST /v1/transfers/batch', { token: curious.token, body: { transfers } });
  const from = curious.wallet;
  const toStrangers = (count: number) =>
    Array.from({ length: count }, () => keyed({ from, to: `${randomUUID()}@example.com` }));
  const tooMany = await guess(toStrangers(1_000));
  expect([tooMany.status, tooMany.body.errors]).toEqual([400, [expect.objectContaining({ path: 'transfers' })]]);
  // Of many at once, no more are answered than one after the other.
  const replies = await Promise.all([1, 2, 3, 4, 5].map(() => guess(toStrangers(30))));
  expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 429, 429, 429]);
  // Known and unknown emails are refused alike, also one at a time; wallets by their ids are not.
  for (const to of [bob.email, `${randomUUID()}@example.com`]) {
    const refused = await guess([keyed({ from, to }), ...toStrangers(39)]);
    expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
    expect(refused.headers.get('ratelimit')).toMatch(/^"recipients";r=\d+;t=\d+$/);
  }
  expect((await guess([keyed({ from, to: bob.wallet })])).body.results[0].error.code).toBe('insufficient_funds');
});

describe('linked transfers', () => {
  it('linked transfers post all, as one group under the key of the header', async () => {
    const key = randomUUID();
    const transfers = [transferOf({ amount: '5' }), transferOf({ amount: '6', to: bob.email })];
    const { status, body, headers } = await post(transfers, { linked: true, key });
    expect([status, headers.get('idempotent-replayed')]).toEqual([200, null]);
    const ids = body.results.map(({ transfer }: { transfer: { groupId: string } }) => transfer.groupId);
    expect(ids).toEqual([body.results[0].transfer.id, body.results[0].transfer.id]);
    const again = await post(transfers, { linked: true, key });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body.results[1].transfer).toEqual(body.results[1].transfer);
  });

  it.each([
    ['too little money', () => transferOf({ amount: '99999999' }), 422, 'insufficient_funds'],
    ['an unknown recipient', () => transferOf({ to: `${randomUUID()}@example.com` }), 404, 'recipient_not_found'],
    ['a wallet of somebody else', () => transferOf({ from: bob.wallet }), 404, 'account_not_found'],
  ])('linked transfers post nothing when one has %s, and say which', async (_name, bad, status, code) => {
    const before = await balanceOf(server.url, alice);
    const reply = await post([transferOf(), transferOf(), bad(), transferOf()], { linked: true, key: randomUUID() });
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    expect(reply.body.errors).toEqual([{ path: 'transfers.2', message: expect.any(String) }]);
    expect(await balanceOf(server.url, alice)).toBe(before);
  });

  it.each([
    ['no key', () => [transferOf()], undefined, 'idempotency_key_required'],
    ['a key of one transfer', () => [keyed()], randomUUID(), 'invalid_request'],
    ['more than a hundred', () => Array.from({ length: 101 }, () => transferOf()), randomUUID(), 'too_many_legs'],
  ])('linked transfers are refused with %s', async (_name, transfers, key, code) => {
    const { status, body } = await post(transfers(), { linked: true, ...(key === undefined ? {} : { key }) });
    expect([status, body.code]).toEqual([400, code]);
  });
});
