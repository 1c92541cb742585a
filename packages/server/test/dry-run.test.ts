import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { balanceOf, call, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(1_000n, 0n);
});
afterAll(() => server.stop());

const post = (path: string, token: string, body?: unknown, key: string | undefined = randomUUID()) =>
  call(server.url, `POST ${path}`, { token, key, body });
const get = (path: string, token: string) => call(server.url, `GET ${path}`, { token });
const order = (change: Record<string, unknown> = {}) => ({
  from: alice.wallet,
  to: bob.wallet,
  amount: '10',
  currency: 'USD',
  ...change,
});
const entriesOf = async (user: TestUser) => (await get(`/v1/wallets/${user.wallet}/entries`, user.token)).body.data;

describe('a dry run', () => {
  it('a dry run of a transfer answers as the transfer would, with 200, and writes nothing', async () => {
    const before = await entriesOf(alice);
    const key = randomUUID();
    const tried = await post('/v1/transfers', alice.token, order({ dryRun: true }), key);
    expect([tried.status, tried.headers.get('idempotent-replayed')]).toEqual([200, null]);
    expect((await get(`/v1/transfers/${tried.body.id}`, alice.token)).body.code).toBe('transfer_not_found');
    expect(await entriesOf(alice)).toEqual(before);
    const { status, body } = await post('/v1/transfers', alice.token, order({ dryRun: false }), key);
    expect(status).toBe(201);
    const { id, recordedAt, effectiveAt, ...same } = body;
    expect(tried.body).toMatchObject(same);
  });

  it('a dry run of a transfer has the same refusals', async () => {
    const codeOf = async (change: object) =>
      (await post('/v1/transfers', alice.token, order({ dryRun: true, ...change }))).body.code;
    expect(await codeOf({ amount: '99999' })).toBe('insufficient_funds');
    expect(await codeOf({ currency: 'EUR' })).toBe('currency_mismatch');
    expect(await codeOf({ from: bob.wallet })).toBe('account_not_found');
    expect(await codeOf({ dryRun: 1 })).toBe('invalid_request');
    const { body } = await call(server.url, 'POST /v1/transfers', {
      token: alice.token,
      body: order({ dryRun: true }),
    });
    expect(body.code).toBe('idempotency_key_required');
  });

  it('a dry run under the key of what was posted answers that', async () => {
    const key = randomUUID();
    const { body: posted } = await post('/v1/transfers', alice.token, order(), key);
    const again = await post('/v1/transfers', alice.token, order({ dryRun: true }), key);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(again.body).toEqual(posted);
    const other = await post('/v1/transfers', alice.token, order({ dryRun: true, amount: '11' }), key);
    expect(other.body.code).toBe('idempotency_key_reused');
  });

  it('a dry run of one transfer of a batch leaves the others alone, and of the whole batch posts none', async () => {
    const keyed = (change: object = {}) => order({ idempotencyKey: randomUUID(), ...change });
    const before = BigInt(await balanceOf(server.url, bob));
    const mixed = await post('/v1/transfers/batch', alice.token, { transfers: [keyed({ dryRun: true }), keyed()] });
    expect(mixed.body.results.map(({ ok }: { ok: boolean }) => ok)).toEqual([true, true]);
    expect(await balanceOf(server.url, bob)).toBe(String(before + 10n));
    const none = await post('/v1/transfers/batch', alice.token, {
      transfers: [keyed(), keyed({ amount: '99999' })],
      dryRun: true,
    });
    expect(none.body.results).toMatchObject([{ ok: true }, { ok: false, error: { code: 'insufficient_funds' } }]);
    expect(await balanceOf(server.url, bob)).toBe(String(before + 10n));
  });

  it('a dry run of linked transfers judges each after those before it', async () => {
    const { status, body } = await post('/v1/transfers/linked', alice.token, {
      transfers: [order(), order({ amount: '20' })],
      dryRun: true,
    });
    expect(status).toBe(200);
    const [one, two] = body.results.map(({ transfer }: { transfer: { fromBalance: string } }) => transfer.fromBalance);
    expect(BigInt(one) - BigInt(two)).toBe(20n);
    expect(await balanceOf(server.url, alice)).toBe(String(BigInt(one) + 10n));
    const leg = await post('/v1/transfers/linked', alice.token, { transfers: [order({ dryRun: true })] });
    expect(leg.body).toMatchObject({ code: 'invalid_request', errors: [{ path: 'transfers.0' }] });
  });

  it('a dry run of a deposit or a withdrawal moves nothing, and opens no account', async () => {
    const { body: wallet } = await call(server.url, 'POST /v1/wallets', {
      token: alice.token,
      body: { currency: 'SEK' },
    });
    const cash = { wallet: wallet.id, amount: '50', currency: 'SEK', dryRun: true };
    const tried = await post('/v1/deposits', OPERATOR_KEY, cash);
    expect([tried.status, tried.body.toBalance]).toEqual([200, '50']);
    expect((await post('/v1/withdrawals', OPERATOR_KEY, cash)).body.code).toBe('insufficient_funds');
    expect((await get('/v1/accounts/world:sek', OPERATOR_KEY)).body.code).toBe('account_not_found');

    await post('/v1/deposits', OPERATOR_KEY, { ...cash, dryRun: false });
    const withdrawn = await post('/v1/withdrawals', OPERATOR_KEY, cash);
    expect([withdrawn.status, withdrawn.body.fromBalance]).toEqual([200, '0']);
    expect((await get(`/v1/wallets/${wallet.id}`, alice.token)).body.balance).toBe('50');
  });

  it('a dry run of a reversal gives nothing back', async () => {
    const { body: payment } = await post('/v1/transfers', alice.token, order());
    const path = `/v1/transfers/${payment.id}/reversals`;
    const { status, body } = await post(path, bob.token, { amount: '4', dryRun: true });
    expect([status, body.kind, body.amount]).toEqual([200, 'reversal', '4']);
    expect((await get(path, bob.token)).body.data).toEqual([]);
  });

  it('a dry run leaves a ledger that verifies', async () => {
    expect((await get('/v1/verify', OPERATOR_KEY)).body).toMatchObject({ ok: true, problems: [] });
  });
});
