import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/database/connect.js';
import { eraseOldDestinations } from '../../src/payouts/payout-store.js';
import { call, registerUser, type TestUser } from '../support/call.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';

let server: TestServer;
let client: pg.Client;
let alice: TestUser;
let bob: TestUser;
/** The key of a service that makes payouts, and does nothing else. */
let adapter: string;

beforeAll(async () => {
  server = await startTestServer();
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  [alice, bob] = await Promise.all([
    registerUser(server.url, { balance: 100_000n }),
    registerUser(server.url, { balance: 1_000n }),
  ]);
  adapter = await keyWith('payouts:read', 'payouts:settle');
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

const IBAN = 'DE02120300000000202051';

async function keyWith(...scopes: readonly string[]): Promise<string> {
  return (await post('/v1/api-keys', OPERATOR_KEY, { name: `key-${randomUUID()}`, scopes })).body.key;
}

const post = (path: string, token: string, body?: unknown, key: string | undefined = randomUUID()) =>
  call(server.url, `POST ${path}`, { token, key, body });
const get = (path: string, token: string) => call(server.url, `GET ${path}`, { token });
const order = (change: Record<string, unknown> = {}) => ({
  from: alice.wallet,
  amount: '100',
  currency: 'USD',
  destination: { iban: IBAN },
  ...change,
});
const ask = (change: Record<string, unknown> = {}, key?: string) =>
  post('/v1/payouts', alice.token, order(change), key);
const asked = async (): Promise<string> => (await ask()).body.id;
const act = (action: string, id: string, token: string, body?: unknown, key?: string) =>
  post(`/v1/payouts/${id}/${action}`, token, body, key);
const cancel = (id: string, key?: string) => act('cancel', id, alice.token, undefined, key);
const take = (id: string, key?: string) => act('take', id, adapter, undefined, key);
const pay = (id: string, key?: string, reference = 'po_1') => act('pay', id, adapter, { reference }, key);
const fail = (id: string, key?: string) => act('fail', id, adapter, { reason: 'No such account' }, key);
const stateOf = async (id: string) => (await get(`/v1/payouts/${id}`, alice.token)).body.state;
const holdOf = async (id: string) => (await get(`/v1/holds/${id}`, OPERATOR_KEY)).body;
const moneyOf = async (user: TestUser) => {
  const { balance, available } = (await get(`/v1/wallets/${user.wallet}`, user.token)).body;
  return { balance: BigInt(balance), available: BigInt(available) };
};

describe('asking for a payout', () => {
  it('asking for a payout sets the money aside, and the books do not say where it goes', async () => {
    const before = await moneyOf(alice);
    const destination = { iban: IBAN, name: `Alice ${randomUUID()}` };
    const { status, body } = await ask({ destination });
    expect(status).toBe(201);
    expect(body).toEqual({
      id: expect.any(String),
      userId: alice.id,
      from: alice.wallet,
      amount: '100',
      currency: 'USD',
      destination,
      state: 'requested',
      reference: null,
      reason: null,
      transferId: null,
      createdAt: expect.any(String),
      takenAt: null,
      finishedAt: null,
    });
    expect(await moneyOf(alice)).toEqual({ balance: before.balance, available: before.available - 100n });
    expect(await holdOf(body.id)).toMatchObject({ state: 'open', remaining: '100', expiresAt: null });
    for (const table of ['transfers', 'events']) {
      const { rowCount } = await client.query(`select from micropay.${table} t where t::text like $1`, [
        `%${destination.name}%`,
      ]);
      expect([table, rowCount]).toEqual([table, 0]);
    }
  });

  it('asking for a payout again gets it as it is now, and the key is refused for another one', async () => {
    const key = randomUUID();
    const destination = { iban: IBAN, name: 'Alice' };
    const { body } = await ask({ destination }, key);
    await take(body.id);
    const again = await ask({ destination: { name: 'Alice', iban: IBAN } }, key);
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([201, 'true']);
    expect(again.body).toMatchObject({ id: body.id, state: 'processing' });
    for (const change of [{ amount: '101' }, { destination: { iban: 'another' } }, { destination: { iban: IBAN } }]) {
      expect((await ask({ destination, ...change }, key)).body.code).toBe('idempotency_key_reused');
    }
    const without = await call(server.url, 'POST /v1/payouts', { token: alice.token, body: order() });
    expect(without.body.code).toBe('idempotency_key_required');
  });

  it('asking for a payout as a dry run judges it and leaves nothing behind', async () => {
    const before = await moneyOf(alice);
    const { body: wallet } = await post('/v1/wallets', alice.token, { currency: 'EUR' });
    await post('/v1/deposits', OPERATOR_KEY, { wallet: wallet.id, amount: '5', currency: 'EUR' });
    const inEuro = { from: wallet.id, amount: '5', currency: 'EUR', dryRun: true };
    const key = randomUUID();
    const { status, body } = await ask(inEuro, key);
    expect([status, body.state, body.destination]).toEqual([200, 'requested', { iban: IBAN }]);
    expect((await get(`/v1/payouts/${body.id}`, alice.token)).body.code).toBe('payout_not_found');
    expect((await get('/v1/accounts/world:payouts:eur', OPERATOR_KEY)).status).toBe(404);
    expect((await ask({ ...inEuro, amount: '6' }, key)).body.code).toBe('insufficient_funds');
    expect(await moneyOf(alice)).toEqual(before);
    expect((await ask({ ...inEuro, dryRun: false, amount: '4' }, key)).status).toBe(201);
  });

  const long = 'x'.repeat(501);
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, at) => [`a${at}`, 'x']));
  it.each([
    ['no destination', { destination: undefined }, 400, 'invalid_request', 'destination'],
    ['a text as destination', { destination: IBAN }, 400, 'invalid_request', 'destination'],
    ['an empty destination', { destination: {} }, 400, 'invalid_request', 'destination'],
    ['a number in the destination', { destination: { iban: 5 } }, 400, 'invalid_request', 'destination.iban'],
    ['an object in the destination', { destination: { bank: {} } }, 400, 'invalid_request', 'destination.bank'],
    ['a long text in the destination', { destination: { iban: long } }, 400, 'invalid_request', 'destination.iban'],
    ['NUL in the destination', { destination: { iban: '\u0000' } }, 400, 'invalid_request', 'destination.iban'],
    ['too much in the destination', { destination: many }, 400, 'invalid_request', 'destination'],
    ['a name that is none', { destination: { 'i ban': 'x' } }, 400, 'invalid_request', undefined],
    ['the amount 0', { amount: '0' }, 400, 'invalid_amount', 'amount'],
    ['an unknown field', { to: 'world:usd' }, 400, 'invalid_request', ''],
    ['an address as wallet', { from: 'users:1:usd' }, 400, 'invalid_request', 'from'],
    ['a wallet that is missing', { from: randomUUID() }, 404, 'account_not_found', undefined],
    ['another currency than the wallet’s', { currency: 'EUR' }, 422, 'currency_mismatch', undefined],
    ['a currency that is none', { currency: 'NOSUCH' }, 422, 'unknown_currency', undefined],
    ['more money than there is', { amount: '99999999' }, 422, 'insufficient_funds', undefined],
  ])('asking for a payout is refused with %s', async (_name, change, status, code, path) => {
    const before = await moneyOf(alice);
    const reply = await ask(change);
    expect([reply.status, reply.body.code]).toEqual([status, code]);
    if (path !== undefined) expect(reply.body.errors[0].path).toBe(path);
    expect(await moneyOf(alice)).toEqual(before);
  });

  it('asking for a payout is for the owner of the wallet', async () => {
    expect((await ask({ from: bob.wallet })).body.code).toBe('account_not_found');
    expect((await post('/v1/payouts', OPERATOR_KEY, order())).body.code).toBe('forbidden');
  });
});

describe('a payout', () => {
  it('a payout is taken up once, repeated under its key, and no longer cancelled', async () => {
    const id = await asked();
    const key = randomUUID();
    const first = await take(id, key);
    expect(first).toMatchObject({ status: 200, body: { state: 'processing', takenAt: expect.any(String) } });
    const again = await take(id, key);
    expect([again.headers.get('idempotent-replayed'), again.body]).toEqual(['true', first.body]);
    expect(await take(id)).toMatchObject({ status: 422, body: { code: 'payout_processing' } });
    // The same key of another operator is another key.
    expect((await act('take', id, OPERATOR_KEY, undefined, key)).body.code).toBe('payout_processing');
    expect((await cancel(id)).body.code).toBe('payout_processing');
    expect((await take(await asked(), key)).body.code).toBe('idempotency_key_reused');
  });

  it('a payout is paid after it was taken up: the money leaves the wallet', async () => {
    const id = await asked();
    const before = await moneyOf(alice);
    expect(await pay(id)).toMatchObject({ status: 422, body: { code: 'payout_not_taken' } });
    await take(id);
    const key = randomUUID();
    const { status, body } = await pay(id, key, 'po_77');
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'paid', reference: 'po_77', reason: null, finishedAt: expect.any(String) });
    expect(await moneyOf(alice)).toEqual({ ...before, balance: before.balance - 100n });
    const { body: capture } = await get(`/v1/transfers/${body.transferId}`, OPERATOR_KEY);
    expect(capture).toMatchObject({ kind: 'capture', originalId: id, reference: 'po_77' });
    expect((await get(`/v1/payouts/${id}`, alice.token)).body).toEqual(body);

    const again = await pay(id, key, 'po_77');
    expect([again.headers.get('idempotent-replayed'), again.body]).toEqual(['true', body]);
    expect((await pay(id, key, 'po_78')).body.code).toBe('idempotency_key_reused');
    for (const refused of [await pay(id), await fail(id), await cancel(id), await take(id)]) {
      expect(refused).toMatchObject({ status: 422, body: { code: 'payout_ended' } });
    }
  });

  it('a payout that fails, taken up or not, gives the money back and says why', async () => {
    for (const isTaken of [true, false]) {
      const before = await moneyOf(alice);
      const id = await asked();
      if (isTaken) await take(id);
      const key = randomUUID();
      const { body } = await fail(id, key);
      expect(body).toMatchObject({ state: 'failed', reason: 'No such account', reference: null });
      const again = await fail(id, key);
      expect([again.headers.get('idempotent-replayed'), again.body]).toEqual(['true', body]);
      expect(await moneyOf(alice)).toEqual(before);
      expect((await get(`/v1/transfers/${body.transferId}`, alice.token)).body.kind).toBe('release');
      expect((await pay(id)).body.code).toBe('payout_ended');
    }
  });

  it('a payout that was ended while its taker was away is not given to it again', async () => {
    const id = await asked();
    const key = randomUUID();
    await take(id, key);
    await fail(id);
    expect(await take(id, key)).toMatchObject({ status: 422, body: { code: 'payout_ended' } });
  });

  it('a payout forgets where it went, 90 days after its end, and can still be repeated', async () => {
    const key = randomUUID();
    const kept = await asked();
    const { body } = await ask({}, key);
    for (const id of [kept, body.id]) await fail(id);
    await client.query(`update micropay.payouts set finished_at = now() - interval '90 days 1 minute' where id = $1`, [
      body.id,
    ]);
    const database = connect(server.databaseUrl, 'micropay');
    await eraseOldDestinations(database, 'main');
    await database.destroy();
    const destinationOf = async (id: string) => (await get(`/v1/payouts/${id}`, alice.token)).body.destination;
    expect([await destinationOf(body.id), await destinationOf(kept)]).toEqual([null, expect.anything()]);
    const again = await ask({}, key);
    expect([again.status, again.body.id, again.body.state]).toEqual([201, body.id, 'failed']);
  });

  it('a payout is cancelled by its user while nobody has taken it up', async () => {
    const before = await moneyOf(alice);
    const id = await asked();
    const key = randomUUID();
    const { body } = await cancel(id, key);
    expect(body).toMatchObject({ id, state: 'cancelled', takenAt: null });
    const again = await cancel(id, key);
    expect([again.headers.get('idempotent-replayed'), again.body]).toEqual(['true', body]);
    expect(await moneyOf(alice)).toEqual(before);
    for (const refused of [await take(id), await fail(id), await cancel(id)]) {
      expect(refused.body.code).toBe('payout_ended');
    }
    expect((await cancel(await asked(), key)).body.code).toBe('idempotency_key_reused');
  });

  it.each(['pay', 'fail'])('a payout is not changed by a %s that says nothing', async (action) => {
    const id = await asked();
    await take(id);
    for (const body of [
      {},
      { reference: '', reason: '' },
      { reference: 'x', reason: 'x' },
      { reference: 5, reason: 5 },
    ]) {
      expect((await act(action, id, adapter, body)).body.code).toBe('invalid_request');
    }
    expect(await stateOf(id)).toBe('processing');
  });

  it('a payout of a frozen wallet is paid once the wallet is no longer frozen', async () => {
    const id = await asked();
    await take(id);
    const key = randomUUID();
    await post(`/v1/wallets/${alice.wallet}/freeze`, OPERATOR_KEY, {});
    expect((await pay(id, key)).body.code).toBe('account_frozen');
    expect(await stateOf(id)).toBe('processing');
    await post(`/v1/wallets/${alice.wallet}/unfreeze`, OPERATOR_KEY);
    expect((await pay(id, key)).body.state).toBe('paid');
  });

  it('a payout is missing for other users, and its acts are for whoever has their scope', async () => {
    const id = await asked();
    for (const refused of [await get(`/v1/payouts/${id}`, bob.token), await act('cancel', id, bob.token)]) {
      expect([refused.status, refused.body.code]).toEqual([404, 'payout_not_found']);
    }
    for (const missing of [randomUUID(), alice.wallet, 'x', '%00']) {
      expect((await get(`/v1/payouts/${missing}`, alice.token)).body.code).toBe('payout_not_found');
      expect((await take(missing)).body.code).toBe('payout_not_found');
    }
    const other = await keyWith('transfers:read', 'transfers:write');
    for (const refused of [await get(`/v1/payouts/${id}`, other), await act('take', id, other)]) {
      expect(refused.body.code).toBe('forbidden');
    }
    expect((await get(`/v1/wallets/${alice.wallet}`, adapter)).body.code).toBe('forbidden');
    expect((await get(`/v1/payouts/${id}`, adapter)).body.destination).toEqual({ iban: IBAN });
  });

  it('the hold of a payout ends with the payout alone', async () => {
    const id = await asked();
    const leg = { kind: 'release', hold: id };
    for (const refused of [
      await post(`/v1/holds/${id}/capture`, OPERATOR_KEY),
      await post(`/v1/holds/${id}/release`, OPERATOR_KEY),
      await post('/v1/transfers/linked', OPERATOR_KEY, { transfers: [leg] }),
    ]) {
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    }
    expect(await holdOf(id)).toMatchObject({ state: 'open', remaining: '100' });
    const own = { from: alice.wallet, to: 'world:payouts:usd', amount: '1', currency: 'USD' };
    const { body: hold } = await post('/v1/holds', OPERATOR_KEY, own);
    expect((await post(`/v1/holds/${hold.id}/release`, OPERATOR_KEY)).status).toBe(201);
  });

  it('a payout that comes back from the bank is reversed by its transfer', async () => {
    const before = await moneyOf(alice);
    const id = await asked();
    await take(id);
    const { transferId } = (await pay(id)).body;
    expect((await post(`/v1/transfers/${transferId}/reversals`, alice.token)).body.code).toBe('forbidden');
    expect((await post(`/v1/transfers/${transferId}/reversals`, OPERATOR_KEY)).status).toBe(201);
    expect(await moneyOf(alice)).toEqual(before);
  });

  it('a payout is in the audit log with who took it up and who paid it', async () => {
    const id = await asked();
    await take(id);
    await pay(id);
    const { data } = (await get(`/v1/audit-log?subject=${id}`, OPERATOR_KEY)).body;
    expect(data.map(({ operation, outcome }: Record<string, string>) => [operation, outcome])).toEqual([
      ['payPayout', 'done'],
      ['takePayout', 'done'],
    ]);
  });
});

describe('payouts are listed', () => {
  it('payouts are listed to their user, newest first, in pages', async () => {
    const user = await registerUser(server.url, { balance: 10n });
    const ids: string[] = [];
    for (const amount of ['1', '2', '3']) {
      ids.unshift((await post('/v1/payouts', user.token, order({ from: user.wallet, amount }))).body.id);
    }
    const first = (await get('/v1/me/payouts?limit=2', user.token)).body;
    const rest = (await get(`/v1/me/payouts?limit=2&cursor=${first.nextCursor}`, user.token)).body;
    const listed = [...first.data, ...rest.data].map(({ id }) => id);
    expect([new Set(listed), rest.nextCursor]).toEqual([new Set(ids), null]);
    const times = [...first.data, ...rest.data].map(({ createdAt }) => createdAt);
    expect(times).toEqual([...times].sort().reverse());
    expect((await get(`/v1/me/payouts?cursor=${first.nextCursor}`, alice.token)).body.code).toBe('invalid_cursor');
    expect((await get(`/v1/payouts?cursor=${first.nextCursor}`, adapter)).body.code).toBe('invalid_cursor');
    expect((await get('/v1/me/payouts', bob.token)).body.data).toEqual([]);
  });

  it('payouts are listed to who makes them by their state, oldest first, in pages', async () => {
    const newest = await asked();
    const seen: { id: string; createdAt: string }[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await get(`/v1/payouts?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`, adapter);
      seen.push(...body.data);
      cursor = body.nextCursor;
    }
    const times = seen.map(({ createdAt }) => createdAt);
    expect(times).toEqual([...times].sort());
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.map(({ id }) => id)).toContain(newest);
    await take(newest);
    const processing = (await get('/v1/payouts?state=processing&limit=200', adapter)).body.data;
    expect(processing.map(({ id }: { id: string }) => id)).toContain(newest);
    const queue = (await get('/v1/payouts?limit=200', adapter)).body.data;
    expect(queue.map(({ id }: { id: string }) => id)).not.toContain(newest);
    expect((await get('/v1/payouts?state=lost', adapter)).body.code).toBe('invalid_request');
  });
});

it('an account with an open payout is not closed, and a closed one leaves no destination', async () => {
  const user = await registerUser(server.url, { balance: 10n });
  const iban = `IBAN-${randomUUID()}`;
  const body = order({ from: user.wallet, amount: '10', destination: { iban } });
  const { body: payout } = await post('/v1/payouts', user.token, body);
  const close = () => post('/v1/me/close', user.token, { password: user.password });
  expect(await close()).toMatchObject({ status: 422, body: { code: 'payout_open' } });
  await take(payout.id);
  expect((await close()).body.code).toBe('payout_open');
  await pay(payout.id);
  expect((await close()).status).toBe(204);
  expect((await get(`/v1/payouts/${payout.id}`, adapter)).body).toMatchObject({ state: 'paid', destination: null });
  const { rowCount } = await client.query('select from micropay.payouts p where p::text like $1', [`%${iban}%`]);
  expect(rowCount).toBe(0);
});

it('payouts leave a ledger that verifies', async () => {
  expect((await get('/v1/verify', OPERATOR_KEY)).body).toMatchObject({ ok: true, problems: [] });
});
