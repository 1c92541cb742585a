import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ClientOptions, createClient, MicroPayError, type Tokens } from '../src/index.js';
import { startLossyProxy } from './support/lossy-proxy.js';
import { startTestServer, type TestServer } from './support/test-server.js';

const PASSWORD = 'correct horse battery';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});

afterAll(() => server.stop());

/** A user with a wallet that holds a balance. */
async function makeUser({
  balance = 0n,
  currency = 'USD',
  ...options
}: Partial<ClientOptions> & { balance?: bigint; currency?: string } = {}) {
  const email = `${randomUUID()}@example.com`;
  const client = createClient({ baseUrl: server.url, ...options });
  const { wallet, refreshToken } = await client.auth.register({ email, password: PASSWORD, currency });
  if (balance > 0n) await server.operator.deposits.create({ wallet: wallet.id, amount: balance, currency });
  return {
    client,
    email,
    refreshToken,
    wallet: wallet.id,
    balance: async () => (await client.wallets.get(wallet.id)).balance,
    pay: (to: string, amount: bigint) => ({ from: wallet.id, to, amount, currency }),
  };
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  const error = await call.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MicroPayError);
  return (error as MicroPayError).code;
}

describe('a payment', () => {
  it('a payment moves money from one user to another', async () => {
    const [alice, bob] = [await makeUser({ balance: 5_000n }), await makeUser()];
    const metadata = { orderId: '1042' };
    const transfer = await alice.client.transfers.post({
      ...alice.pay(bob.email, 1_250n),
      description: 'Lunch',
      metadata,
    });
    expect(transfer).toMatchObject({ amount: 1_250n, fromBalance: 3_750n, toBalance: null, replayed: false, metadata });
    expect(await bob.balance()).toBe(1_250n);
    expect(await bob.client.transfers.get(transfer.id)).toMatchObject({ fromBalance: null, toBalance: 1_250n });

    await server.operator.withdrawals.create({ wallet: bob.wallet, amount: 1_000n, currency: 'USD' });
    expect(await bob.balance()).toBe(250n);
  });

  it('a payment is found by its reference, its amount, its time and its metadata, page by page', async () => {
    const [alice, bob] = [await makeUser({ balance: 5_000n }), await makeUser()];
    const since = new Date(Date.now() - 60_000);
    const paid: string[] = [];
    for (const orderId of ['1', '2', '3']) {
      const order = { reference: 'order-7', metadata: { orderId }, description: `Lunch ${orderId}` };
      paid.push((await alice.client.transfers.post({ ...alice.pay(bob.wallet, 1_250n), ...order })).id);
    }
    const found = [];
    const filter = {
      reference: 'order-7',
      recordedFrom: since,
      amountMin: 1_250n,
      kinds: ['transfer', 'hold'],
    } as const;
    for await (const transfer of bob.client.transfers.list({ ...filter, order: 'oldest', limit: 2 }))
      found.push(transfer);
    expect(found.map(({ id }) => id)).toEqual(paid);
    expect(found[0]).toMatchObject({ amount: 1_250n, reference: 'order-7', fromBalance: null, toBalance: 1_250n });
    const { data } = await alice.client.transfers.listPage({ account: alice.wallet, metadata: { orderId: '2' } });
    expect(data.map(({ id }) => id)).toEqual([paid[1]]);
    const broad = server.operator.transfers.listPage({ words: 'lunch' });
    expect(await codeOf(broad)).toBe('filter_too_broad');
  });

  it('a payment of 38 digits arrives to the last one', async () => {
    const amount = 99_999_999_999_999_999_999_999_999_999_999_999_999n;
    // A currency of its own: all that enters the ledger in one must fit into 38 digits as well.
    const currency = 'JPY';
    const [alice, bob] = [await makeUser({ balance: amount, currency }), await makeUser({ currency })];
    await alice.client.transfers.post(alice.pay(bob.wallet, amount - 1n));
    expect([await alice.balance(), await bob.balance()]).toEqual([1n, amount - 1n]);
  });

  it('a payment happens once although its response is lost twice', async () => {
    const bob = await makeUser();
    const proxy = await startLossyProxy(server.url);
    try {
      const alice = await makeUser({ baseUrl: proxy.url, balance: 5_000n });
      proxy.lose(2);
      const transfer = await alice.client.transfers.post(alice.pay(bob.wallet, 1_250n));
      expect(transfer).toMatchObject({ replayed: true, fromBalance: 3_750n });

      proxy.lose(1);
      const [result] = await alice.client.transfers.postMany([alice.pay(bob.wallet, 50n)]);
      expect(result).toMatchObject({ ok: true, transfer: { replayed: true } });
      expect([await alice.balance(), await bob.balance()]).toEqual([3_700n, 1_300n]);
    } finally {
      await proxy.close();
    }
  });

  it('a payment happens once however many concurrent requests there are', async () => {
    const [alice, bob] = [await makeUser({ balance: 5_000n }), await makeUser()];
    const calls = Array.from({ length: 10 }, () =>
      alice.client.transfers.post(alice.pay(bob.wallet, 100n), { idempotencyKey: `${alice.wallet}:rent` }),
    );
    const transfers = await Promise.all(calls);
    expect(new Set(transfers.map(({ id }) => id)).size).toBe(1);
    expect(transfers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(await bob.balance()).toBe(100n);
  });

  it('a payment is refused with a code, and moves nothing', async () => {
    const [alice, bob] = [await makeUser({ balance: 1_000n }), await makeUser()];
    const { post } = alice.client.transfers;
    const key = { idempotencyKey: randomUUID() };
    await post(alice.pay(bob.wallet, 10n), key);

    expect(await codeOf(post(alice.pay(bob.wallet, 991n)))).toBe('insufficient_funds');
    expect(await codeOf(post(alice.pay(bob.wallet, 20n), key))).toBe('idempotency_key_reused');
    expect(await codeOf(post(alice.pay('nobody@example.com', 1n)))).toBe('recipient_not_found');
    expect(await codeOf(post(alice.pay(alice.wallet, 1n)))).toBe('same_account');
    expect(await codeOf(post(alice.pay(bob.wallet, 0n)))).toBe('invalid_amount');
    expect(await codeOf(post({ ...alice.pay(bob.wallet, 1n), from: bob.wallet }))).toBe('account_not_found');
    expect(await codeOf(post({ ...alice.pay(bob.wallet, 1n), currency: 'EUR' }))).toBe('currency_mismatch');
    expect([await alice.balance(), await bob.balance()]).toEqual([990n, 10n]);
  });
});

describe('a payment that is asked for', () => {
  it('a transfer request is accepted immediately and posted later', async () => {
    const [alice, bob] = [await makeUser({ balance: 100n }), await makeUser()];
    const request = await alice.client.transferRequests.submit(alice.pay(bob.email, 30n), { idempotencyKey: 'later' });
    expect(request).toMatchObject({
      state: 'requested',
      amount: 30n,
      transferId: null,
      refusal: null,
      replayed: false,
    });
    const settled = await alice.client.transferRequests.wait(request.id);
    expect(settled).toMatchObject({ id: request.id, state: 'posted', refusal: null });
    expect(await alice.client.transfers.get(settled.transferId ?? '')).toMatchObject({ amount: 30n });
    expect([await alice.balance(), await bob.balance()]).toEqual([70n, 30n]);
    const again = await alice.client.transferRequests.submit(alice.pay(bob.email, 30n), { idempotencyKey: 'later' });
    expect(again).toMatchObject({ id: request.id, state: 'posted', replayed: true });
    // The same key, posted at once: the same transfer.
    const posted = await alice.client.transfers.post(alice.pay(bob.email, 30n), { idempotencyKey: 'later' });
    expect(posted).toMatchObject({ id: settled.transferId, replayed: true });
  });

  it('a transfer request is refused with the same error as an immediate payment', async () => {
    const [alice, bob] = [await makeUser(), await makeUser()];
    const { id } = await alice.client.transferRequests.submit(alice.pay(bob.wallet, 30n));
    const { state, refusal, transferId } = await alice.client.transferRequests.wait(id);
    expect([state, transferId]).toEqual(['refused', null]);
    expect(refusal).toBeInstanceOf(MicroPayError);
    expect(refusal).toMatchObject({ code: 'insufficient_funds', status: 422 });
  });

  it('a transfer request is visible only to its sender and to operators', async () => {
    const [alice, bob] = [await makeUser({ balance: 1n }), await makeUser()];
    const { id } = await alice.client.transferRequests.submit(alice.pay(bob.wallet, 1n));
    expect(await codeOf(bob.client.transferRequests.get(id))).toBe('transfer_request_not_found');
    expect(await codeOf(alice.client.transferRequests.get('nothing'))).toBe('transfer_request_not_found');
    expect(await server.operator.transferRequests.wait(id)).toMatchObject({ state: 'posted' });
    expect(await codeOf(bob.client.transferRequests.submit(alice.pay(bob.wallet, 1n)))).toBe('account_not_found');
  });

  it('waiting for a transfer request ends at the timeout or when the caller aborts', async () => {
    const alice = await makeUser();
    const open = { state: 'requested', amount: '1', refusal: null };
    const client = createClient({ baseUrl: server.url, accessToken: 'a.b.c', fetch: async () => Response.json(open) });
    expect(await codeOf(client.transferRequests.wait(alice.wallet, { timeoutMs: 100 }))).toBe('timeout');
    const signal = AbortSignal.timeout(100);
    expect(await codeOf(client.transferRequests.wait(alice.wallet, { signal }))).toBe('aborted');
  });
});

describe('a batch', () => {
  it('a batch posts what it can, and returns a result for each', async () => {
    const [alice, bob] = [await makeUser({ balance: 100n }), await makeUser()];
    const payments = [60n, 60n, 40n].map((amount) => alice.pay(bob.wallet, amount));
    const options = { idempotencyKey: randomUUID() };
    const first = await alice.client.transfers.postMany(payments, options);
    expect(first.map((result) => (result.ok ? 'posted' : result.error.code))).toEqual([
      'posted',
      'insufficient_funds',
      'posted',
    ]);
    // The money came meanwhile: what was posted stays, what was refused is posted now.
    await server.operator.deposits.create({ wallet: alice.wallet, amount: 60n, currency: 'USD' });
    const second = await alice.client.transfers.postMany(payments, options);
    expect(second.map((result) => result.ok && result.transfer.replayed)).toEqual([true, false, true]);
    expect([await alice.balance(), await bob.balance()]).toEqual([0n, 160n]);
  });

  it('a batch that is linked posts all or nothing', async () => {
    const [alice, bob] = [await makeUser({ balance: 100n }), await makeUser()];
    const payments = [60n, 40n].map((amount) => alice.pay(bob.wallet, amount));
    const tooMuch = [...payments, alice.pay(bob.wallet, 1n)];
    expect(await codeOf(alice.client.transfers.postLinked(tooMuch))).toBe('insufficient_funds');
    expect(await bob.balance()).toBe(0n);
    const transfers = await alice.client.transfers.postLinked(payments);
    expect(transfers.map(({ groupId }) => groupId)).toEqual([transfers[0]?.id, transfers[0]?.id]);
    expect(await bob.balance()).toBe(100n);
  });
});

describe('wallets', () => {
  it('wallets list their history over many pages, newest first and without a gap', async () => {
    const [alice, bob] = [await makeUser({ balance: 1_000n }), await makeUser()];
    await alice.client.transfers.postMany(Array.from({ length: 25 }, () => alice.pay(bob.wallet, 1n)));
    const versions: bigint[] = [];
    for await (const entry of bob.client.wallets.entries(bob.wallet, { limit: 4 })) {
      expect(entry).toMatchObject({ direction: 'credit', amount: 1n, balance: entry.version });
      versions.push(entry.version);
    }
    expect(versions).toEqual(Array.from({ length: 25 }, (_, index) => BigInt(25 - index)));
  });

  it('wallets are opened, listed and frozen', async () => {
    const alice = await makeUser({ balance: 10n });
    const euros = await alice.client.wallets.create({ currency: 'EUR', name: 'holiday' });
    const names: string[] = [];
    for await (const { name } of alice.client.wallets.list({ limit: 1 })) names.push(name);
    expect(names.sort()).toEqual(['holiday', 'usd']);
    expect(await codeOf(alice.client.wallets.create({ currency: 'EUR', name: 'holiday' }))).toBe('account_exists');

    await server.operator.wallets.freeze(alice.wallet, { side: 'debits' });
    const savings = await alice.client.wallets.create({ currency: 'USD', name: 'savings' });
    expect(await codeOf(alice.client.transfers.post(alice.pay(savings.id, 1n)))).toBe('account_frozen');
    expect(await server.operator.wallets.unfreeze(alice.wallet)).toMatchObject({ status: 'open' });
    await alice.client.transfers.post(alice.pay(savings.id, 1n));
    expect((await alice.client.wallets.get(euros.id)).balance).toBe(0n);
  });

  it('wallets of other users look as if they did not exist', async () => {
    const [alice, bob] = [await makeUser(), await makeUser()];
    expect(await codeOf(alice.client.wallets.get(bob.wallet))).toBe('account_not_found');
    expect(await codeOf(alice.client.wallets.entriesPage(bob.wallet))).toBe('account_not_found');
  });
});

describe('a session', () => {
  it('a session is renewed by one refresh for twenty calls at once, and again by the next token', async () => {
    const { refreshToken } = await makeUser();
    const kept: (Tokens | null)[] = [];
    const options = {
      baseUrl: server.url,
      accessToken: 'expired',
      onTokens: (tokens: Tokens | null) => void kept.push(tokens),
    };
    const client = createClient({ ...options, refreshToken });
    await Promise.all(Array.from({ length: 20 }, () => client.me()));
    expect(kept).toHaveLength(1);
    await createClient({ ...options, refreshToken: kept[0]?.refreshToken ?? '' }).me();
    expect(kept).toHaveLength(2);
  });

  it('a session survives a refresh whose response is lost', async () => {
    const { refreshToken } = await makeUser();
    const proxy = await startLossyProxy(server.url);
    try {
      const client = createClient({ baseUrl: proxy.url, refreshToken });
      proxy.lose(1);
      await client.me();
      await client.auth.refresh();
    } finally {
      await proxy.close();
    }
  });

  it('a session ends with a logout', async () => {
    const { client, refreshToken, email } = await makeUser();
    await client.auth.logout();
    expect(await codeOf(client.me())).toBe('authentication_required');
    expect(await codeOf(createClient({ baseUrl: server.url, refreshToken }).me())).toBe('refresh_token_invalid');
    const login = await client.auth.login({ email, password: PASSWORD });
    expect(login).toMatchObject({ user: await client.me() });
  });

  it('a session does not begin with a wrong password', async () => {
    const { client, email } = await makeUser();
    expect(await codeOf(client.auth.login({ email, password: 'not the password' }))).toBe('invalid_credentials');
    expect(await codeOf(client.auth.register({ email, password: PASSWORD }))).toBe('email_taken');
  });

  it('a session of a user cannot call the routes of operators', async () => {
    const alice = await makeUser();
    const deposit = { wallet: alice.wallet, amount: 1n, currency: 'USD' };
    expect(await codeOf(alice.client.deposits.create(deposit))).toBe('forbidden');
    expect(await codeOf(alice.client.withdrawals.create(deposit))).toBe('forbidden');
    expect(await codeOf(alice.client.verify())).toBe('forbidden');
  });
});

it('an error names the request that the server logged', async () => {
  const { client } = await makeUser();
  const error = await client.wallets.get(randomUUID()).catch((caught: unknown) => caught);
  expect((error as MicroPayError).requestId).toMatch(/./);
});

it('the ledger verifies after all of this', async () => {
  expect(await server.operator.verify()).toMatchObject({ ok: true, problemsFound: 0 });
});
