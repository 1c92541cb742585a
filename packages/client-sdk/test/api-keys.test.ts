import { afterAll, beforeAll, expect, it } from 'vitest';
import { type ApiKey, createClient } from '../src/index.js';
import { codeOf } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(async () => {
  await server?.stop();
});

it('an operator makes a key for a service, which can do that much; then the key is rotated and revoked', async () => {
  const { apiKeys } = server.operator;
  const expiresAt = new Date('2100-01-01T00:00:00Z');
  const { key, apiKey } = await apiKeys.create({ name: 'reports', scopes: ['accounts:read'], expiresAt });
  expect(apiKey).toMatchObject({ name: 'reports', scopes: ['accounts:read'], expiresAt: expiresAt.toISOString() });

  const service = createClient({ baseUrl: server.url, apiKey: key });
  expect(await service.accounts.listPage({ limit: 1 })).toHaveProperty('data');
  expect(await codeOf(service.apiKeys.listPage())).toBe('forbidden');

  const rotated = await apiKeys.rotate(apiKey.id, { overlapSeconds: 60 });
  expect(rotated.key).not.toBe(key);
  expect(await codeOf(apiKeys.create({ name: 'reports', scopes: ['accounts:read'] }))).toBe('api_key_exists');

  const listed: ApiKey[] = [];
  for await (const one of apiKeys.list({ limit: 1 })) listed.push(one);
  expect(listed.map(({ name }) => name)).toEqual(['operator', 'reports']);

  expect((await apiKeys.revoke(apiKey.id)).revokedAt).not.toBeNull();
  expect(await codeOf(service.accounts.listPage())).toBe('token_invalid');
  expect(await codeOf(apiKeys.rotate(apiKey.id))).toBe('api_key_not_found');
});
