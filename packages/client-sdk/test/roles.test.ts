import { afterAll, beforeAll, expect, it } from 'vitest';
import { codeOf, makeUser } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

it('an operator grants and revokes roles, and lists who has one', async () => {
  const { roles } = server.operator;
  const users = await Promise.all([makeUser(server), makeUser(server)]);
  const ids = await Promise.all(users.map(async ({ client }) => (await client.me()).id));
  for (const id of ids) expect(await roles.grant(id, 'support', { reason: 'Ticket 1' })).toMatchObject({ userId: id });
  const listed: string[] = [];
  for await (const { userId } of roles.list({ limit: 1 })) listed.push(userId);
  expect(listed).toEqual([...ids].sort());
  for (const id of ids) await roles.revoke(id, 'support');
  expect(await roles.listPage()).toEqual({ data: [], nextCursor: null });

  const [{ client } = await makeUser(server)] = users;
  expect(await codeOf(client.roles.listPage())).toBe('forbidden');
  expect(await codeOf(roles.grant('0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e31', 'support'))).toBe('user_not_found');
});
