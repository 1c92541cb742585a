import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, deposit, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import { OPERATOR_KEY, type TestServer } from './support/test-server.js';

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let between: string;
const ALWAYS = 'from=2020-01-01&to=9999-12-31';

beforeAll(async () => {
  [server, alice, bob] = await startServerWithUsers(0n, 0n);
  await deposit(server.url, alice.wallet, 500n);
  const { body } = await get(alice.token, `/v1/wallets/${alice.wallet}/entries`);
  between = body.data[0].recordedAt;
  await new Promise((resolve) => setTimeout(resolve, 5));
  await deposit(server.url, alice.wallet, 25n);
});
afterAll(() => server.stop());

const get = (token: string, path: string) => call(server.url, `GET ${path}`, { token });

describe('a wallet as of an instant', () => {
  it.each(['recorded', 'effective'])('a wallet as of an instant has the balance of then, by %s time', async (by) => {
    const wallet = (at: string) => get(alice.token, `/v1/wallets/${alice.wallet}?at=${at}&by=${by}`);
    expect((await wallet(between)).body).toMatchObject({ balance: '500', at: between, available: '525' });
    expect((await wallet('2020-01-01')).body).toMatchObject({ balance: '0' });
    expect((await wallet('9999-12-31')).body).toMatchObject({ balance: '525' });
  });

  it.each(['at=yesterday', 'at=2026-02-30', 'at=2026-01-01&by=posted', 'by=posted'])(
    'a wallet as of an instant refuses %s',
    async (query) => {
      const { status, body } = await get(alice.token, `/v1/wallets/${alice.wallet}?${query}`);
      expect([status, body.code]).toEqual([400, 'invalid_request']);
    },
  );
});

describe('a statement', () => {
  const path = (query: string, file = '') => `/v1/statements${file}?account=${alice.wallet}&${query}`;

  it('a statement has opening, entries and closing, page by page', async () => {
    const first = (await get(alice.token, path(`${ALWAYS}&limit=1`))).body;
    const cursor = encodeURIComponent(first.nextCursor);
    const second = (await get(alice.token, path(`${ALWAYS}&limit=1&cursor=${cursor}`))).body;
    expect([first, second].map(({ opening, closing, data }) => [opening, closing, data[0].balance])).toEqual([
      ['0', '525', '500'],
      ['0', '525', '525'],
    ]);
    expect(second.nextCursor).toBeNull();
  });

  it('a statement opens with what the one before closed with', async () => {
    const until = (await get(alice.token, path(`from=2020-01-01&to=${between}`))).body;
    const since = (await get(alice.token, path(`from=${between}&to=9999-12-31`))).body;
    expect([until.closing, since.opening, since.data.length]).toEqual(['0', '0', 2]);
  });

  it('a statement is a file, when asked for CSV', async () => {
    const response = await fetch(`${server.url}${path(ALWAYS, '/file')}`, {
      headers: { authorization: `Bearer ${alice.token}` },
    });
    expect(response.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    const lines = (await response.text()).trim().split('\r\n');
    expect(lines).toHaveLength(5);
    expect(lines.at(-1)).toBe('9999-12-31T00:00:00.000Z,,,closing,,,,,5.25,USD');
  });

  it('a statement is nobody else’s', async () => {
    const { status, body } = await get(bob.token, path(ALWAYS));
    expect([status, body.code]).toEqual([404, 'account_not_found']);
  });

  it.each([
    ['from=2026-01-01', '', 400, 'invalid_request'],
    [`${ALWAYS}&format=pdf`, '', 400, 'invalid_request'],
    [`${ALWAYS}&account=x`, '', 400, 'invalid_request'],
    [`${ALWAYS}&limit=1`, '/file', 400, 'invalid_request'],
    ['from=2026-01-02&to=2026-01-01', '', 422, 'invalid_period'],
    ['from=2026-01-02&to=2026-01-01', '/file', 422, 'invalid_period'],
  ])('a statement refuses %s%s', async (query, file, refusedWith, code) => {
    const { status, body } = await get(alice.token, path(query, file));
    expect([status, body.code]).toEqual([refusedWith, code]);
  });
});

describe('the trial balance', () => {
  it('the trial balance is balanced, now and then', async () => {
    const now = (await get(OPERATOR_KEY, '/v1/trial-balance')).body;
    const then = (await get(OPERATOR_KEY, `/v1/trial-balance?at=${between}&by=effective`)).body;
    expect([now, then].map(({ totals, balanced }) => [totals, balanced])).toEqual([
      [[{ currency: 'USD', debits: '525', credits: '525' }], true],
      [[{ currency: 'USD', debits: '500', credits: '500' }], true],
    ]);
  });

  it('the trial balance is for operators', async () => {
    expect((await get(alice.token, '/v1/trial-balance')).status).toBe(403);
  });
});

it('a balance that names only the kind of time is that of now', async () => {
  const effectiveAt = '2999-01-01T00:00:00.000Z';
  const body = { wallet: bob.wallet, amount: '7', currency: 'USD', effectiveAt };
  await call(server.url, 'POST /v1/deposits', { token: OPERATOR_KEY, key: randomUUID(), body });
  const balances = await Promise.all(
    ['', '?by=recorded', '?by=effective'].map((query) => get(bob.token, `/v1/wallets/${bob.wallet}${query}`)),
  );
  expect(balances.map(({ body }) => body.balance)).toEqual(['7', '7', '0']);
});
