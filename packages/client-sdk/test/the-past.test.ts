import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startLossyProxy } from './support/lossy-proxy.js';
import { codeOf, makeUser } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const ALWAYS = { from: '2020-01-01', to: '9999-12-31' };

/** A user with 700 in two deposits, and the instant of the first. */
async function saver() {
  const user = await makeUser(server);
  const put = (amount: bigint) => server.operator.deposits.create({ wallet: user.wallet, amount, currency: 'USD' });
  const { recordedAt: between } = await put(500n);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await put(200n);
  return { ...user, between };
}

it('balances of wallets, accounts and the whole ledger are returned as of an instant', async () => {
  const { client, wallet, between } = await saver();
  const { accounts, trialBalance } = server.operator;
  for (const by of ['recorded', 'effective'] as const) {
    expect(await client.wallets.get(wallet, { at: between, by })).toMatchObject({ balance: 500n, at: between });
    expect(await accounts.get(wallet, { at: between, by })).toMatchObject({ posted: 500n, at: between });
    expect(await accounts.get('world:usd', { at: '2020-01-01', by })).toMatchObject({ posted: 0n });
    const { totals, balanced } = await trialBalance({ at: between, by });
    expect([totals[0]?.debits, totals[0]?.credits, balanced]).toEqual([500n, 500n, true]);
  }
  expect(await accounts.get(wallet)).toMatchObject({ posted: 700n });
  expect(await accounts.get(wallet)).not.toHaveProperty('at');
  expect(await codeOf(accounts.get(wallet, { at: 'yesterday' }))).toBe('invalid_request');
  expect(await accounts.get(wallet, { by: 'effective' })).toMatchObject({ posted: 700n });
  expect(await codeOf(client.accounts.get(wallet, { at: between }))).toBe('forbidden');
});

it('statements are returned in pages, each continued by its cursor', async () => {
  const { client, wallet } = await saver();
  const first = await client.statements.get({ account: wallet, ...ALWAYS, limit: 1 });
  expect(first).toMatchObject({ accountId: wallet, opening: 0n, closing: 700n, scale: 2, by: 'recorded' });
  const second = await client.statements.get({ account: wallet, ...ALWAYS, limit: 1, cursor: first.nextCursor ?? '' });
  expect([...first.data, ...second.data].map(({ amount, balance }) => [amount, balance])).toEqual([
    [500n, 500n],
    [200n, 700n],
  ]);
  expect(second.nextCursor).toBeNull();
  const stranger = await makeUser(server);
  expect(await codeOf(stranger.client.statements.get({ account: wallet, ...ALWAYS }))).toBe('account_not_found');
});

it('operators get statements of any account', async () => {
  const { client, wallet } = await saver();
  const { statements, accounts } = server.operator;
  const { posted } = await accounts.get('world:usd');
  expect(await statements.get({ account: 'world:usd', ...ALWAYS })).toMatchObject({ closing: posted });
  expect((await statements.get({ account: wallet, ...ALWAYS })).data).toHaveLength(2);
  expect(await codeOf(statements.get({ account: 'nothing:here', ...ALWAYS }))).toBe('account_not_found');
  expect((await client.statements.get({ account: wallet, ...ALWAYS })).data).toHaveLength(2);
  expect(await codeOf(client.statements.get({ account: 'world:usd', ...ALWAYS }))).toBe('account_not_found');
  // @ts-expect-error It is somebody's.
  expect(await codeOf(client.statements.get(ALWAYS))).toBe('invalid_request');
});

it('statements as CSV are complete although a response is lost', async () => {
  const { client, wallet } = await saver();
  const text = await (await client.statements.file({ account: wallet, ...ALWAYS, by: 'effective' })).text();
  const lines = text.trim().split('\r\n');
  expect(lines[0]).toMatch(/^effective_at,recorded_at,transfer_id/);
  expect(lines.map((line) => line.split(',').at(-2))).toEqual(['balance', '0.00', '5.00', '7.00', '7.00']);
  expect(await codeOf(client.statements.file({ account: randomUUID(), ...ALWAYS }))).toBe('account_not_found');

  const proxy = await startLossyProxy(server.url);
  try {
    const alice = await makeUser(server, { baseUrl: proxy.url });
    proxy.lose(1);
    const file = await alice.client.statements.file({ account: alice.wallet, ...ALWAYS });
    expect(file.type).toMatch(/^text\/csv/);
    expect(await file.text()).toMatch(/closing.*0\.00,USD\r\n$/);
  } finally {
    await proxy.close();
  }
});

it('days are those of the ledger’s time zone, which operators set', async () => {
  const { client, wallet } = await saver();
  expect(await client.ledger.get()).toEqual({ name: 'main', timeZone: 'UTC' });
  expect(await codeOf(client.ledger.setTimeZone('Europe/Berlin'))).toBe('forbidden');
  expect(await codeOf(server.operator.ledger.setTimeZone('Mars/Olympus'))).toBe('unknown_time_zone');
  try {
    expect(await server.operator.ledger.setTimeZone('europe/berlin')).toEqual({
      name: 'main',
      timeZone: 'Europe/Berlin',
    });
    const march = { account: wallet, from: '2026-03-01', to: '2026-04-01' };
    // Daylight saving time begins in March: Berlin is then two hours ahead of UTC, and one hour before that.
    const [from, to] = ['2026-02-28T23:00:00.000Z', '2026-03-31T22:00:00.000Z'];
    expect(await client.statements.get(march)).toMatchObject({ from, to });
    const lines = (await (await client.statements.file(march)).text()).trim().split('\r\n');
    expect([lines[1]?.slice(0, 24), lines.at(-1)?.slice(0, 24)]).toEqual([from, to]);
    expect((await client.wallets.get(wallet, { at: '2026-03-31' })).at).toBe('2026-03-31T21:59:59.999Z');
  } finally {
    await server.operator.ledger.setTimeZone('UTC');
  }
});

it('operators get sums of balances by path and type', async () => {
  const { accounts } = server.operator;
  const root = `fees${randomUUID().slice(0, 8)}`;
  for (const [address, type] of [
    [`${root}:card:usd`, 'income'],
    [`${root}:card:tax`, 'liability'],
    [`${root}:wire:usd`, 'income'],
  ] as const) {
    await accounts.open({ address, currency: 'USD', type });
  }
  const lines = await accounts.aggregate({ path: root });
  expect(lines.map(({ path, type, accounts: count, posted }) => [path, type, count, posted])).toEqual([
    [`${root}:card`, 'liability', 1, 0n],
    [`${root}:card`, 'income', 1, 0n],
    [`${root}:wire`, 'income', 1, 0n],
  ]);
  expect(await accounts.aggregate({ path: root, depth: 1, type: 'income' })).toMatchObject([
    { path: root, accounts: 2, debits: 0n, credits: 0n, pendingIn: 0n, pendingOut: 0n },
  ]);
  const { client } = await makeUser(server);
  expect(await codeOf(client.accounts.aggregate())).toBe('forbidden');
});
