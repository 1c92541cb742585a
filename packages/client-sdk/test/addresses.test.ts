import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient } from '../src/index.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

it.each(['aggregate', 'batch', 'limits', 'A_b.c-d', '-', '...a', 'a:..b', 'z'.repeat(200)])(
  'the address %s can be opened, read, listed, changed and closed',
  async (address) => {
    const { accounts, statements } = createClient({ baseUrl: server.url, apiKey: OPERATOR_KEY });
    const { id } = await accounts.open({ address, currency: 'USD' });
    expect((await accounts.get(address)).id).toBe(id);
    expect((await accounts.listPage({ prefix: address, limit: 1 })).data[0]?.id).toBe(id);
    expect((await statements.get({ account: address, from: '2026-03-01', to: '2026-04-01' })).accountId).toBe(id);
    expect((await accounts.freeze(address)).id).toBe(id);
    expect((await accounts.unfreeze(address)).id).toBe(id);
    expect((await accounts.setLimits(address, { maximum: 5n })).id).toBe(id);
    expect((await accounts.close(address)).status).toBe('closed');
  },
);
