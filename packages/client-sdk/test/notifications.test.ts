import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeOf, makeUser } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

const SOON = { timeout: 10_000 };

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer({ NOTIFICATIONS: 'on' });
});
afterAll(() => server?.stop());

it('a user reads their notifications, one by one and all together', async () => {
  const [alice, bob] = [await makeUser(server, { balance: 5_000n }), await makeUser(server)];
  const { notifications } = bob.client;
  for (const amount of [1_250n, 1n, 2n]) await alice.client.transfers.post(alice.pay(bob.wallet, amount));
  await expect.poll(async () => (await notifications.listPage()).data.length, SOON).toBe(3);
  const amounts: bigint[] = [];
  for await (const { movement } of notifications.list({ limit: 1 })) amounts.push(movement?.amount ?? 0n);
  expect(amounts.sort()).toEqual([1n, 1_250n, 2n].sort());

  const { data, unreadCount } = await notifications.listPage();
  expect([data[0]?.type, data[0]?.readAt, unreadCount]).toEqual(['money_in', null, 3]);
  expect(JSON.parse(JSON.stringify(data[0])).movement.wallet).toBe(bob.wallet);
  const { id = '' } = data[0] ?? {};
  const read = await notifications.read(id);
  expect([read.id, read.readAt]).toEqual([id, expect.any(String)]);
  expect(await notifications.listPage({ unread: true })).toMatchObject({ unreadCount: 2, data: { length: 2 } });
  expect(await codeOf(alice.client.notifications.read(id))).toBe('notification_not_found');
  expect(await notifications.readAll()).toEqual({ count: 2, unreadCount: 0 });
  expect((await notifications.listPage()).unreadCount).toBe(0);
});

it('a user chooses what to be notified of', async () => {
  const { client } = await makeUser(server);
  const before = await client.notifications.preferences();
  expect(before).toMatchObject({ language: 'en', lowBalances: {} });
  const lowBalances = { USD: 12_345_678_901_234_567_890n, EUR: 5n };
  const types = { money_in: { mail: true } };
  const changed = await client.notifications.changePreferences({ language: 'de', types, lowBalances });
  expect(changed).toMatchObject({ language: 'de', types: { money_in: { inbox: true, mail: true } }, lowBalances });
  await client.notifications.changePreferences({ lowBalances: { EUR: null } });
  const after = await client.notifications.preferences();
  expect(JSON.parse(JSON.stringify(after)).lowBalances).toEqual({ USD: '12345678901234567890' });
  // @ts-expect-error A threshold is a bigint.
  const wrong = client.notifications.changePreferences({ lowBalances: { USD: 5 } });
  expect(await codeOf(wrong)).toBe('invalid_amount');
});
