import { hash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXAMPLE_ASSERTION } from '../src/auth/second-factor/passkey-json.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { ROUTES } from '../src/routes.js';
import { call, type Reply } from './support/call.js';
import { openStream } from './support/open-stream.js';
import { testConfig } from './support/test-server.js';

const ACME_KEY = 'operator-key-of-acme';
const BRAVO_KEY = 'operator-key-of-bravo';
const PASSWORD = 'correct horse battery';
const NEW_PASSWORD = 'another correct horse battery';
/** Mails go to a log that nobody reads. */
const mail = { publicUrl: 'https://app.example.com' };
const passkeys = { rpId: 'app.example.com', origins: ['https://app.example.com'] };
const secondFactors = { serviceName: 'MicroPay', passkeys };

let database: TestDatabase;
let client: pg.Client;
let acme: RunningServer;
let bravo: RunningServer;
let theirs: Tenant;
let ours: Tenant;

/** Of one ledger, one of everything that a request can name. */
interface Tenant {
  readonly url: string;
  readonly operator: string;
  readonly user: string;
  readonly userId: string;
  readonly email: string;
  readonly refreshToken: string;
  readonly session: string;
  readonly wallet: string;
  readonly otherWallet: string;
  readonly account: string;
  readonly address: string;
  readonly otherEmail: string;
  readonly otherAddress: string;
  readonly currency: string;
  readonly transfer: string;
  readonly group: string;
  readonly hold: string;
  readonly request: string;
  readonly payout: string;
  readonly apiKey: string;
  readonly notification: string;
  readonly webhook: string;
  readonly webhookDelivery: string;
  readonly lastEventId: string;
  readonly cursors: Readonly<Record<CursorOf, string>>;
}

type CursorOf =
  | 'listWallets'
  | 'listEntries'
  | 'getStatement'
  | 'listTransfers'
  | 'listReversals'
  | 'listHolds'
  | 'listAccounts'
  | 'listApiKeys'
  | 'listAuditLog'
  | 'listRoles'
  | 'listNotifications'
  | 'listOwnPayouts'
  | 'listPayouts'
  | 'listWebhookEndpoints'
  | 'listWebhookDeliveries';

beforeAll(async () => {
  database = await createTestDatabase();
  acme = await startServer(
    testConfig(database.url, { ledger: 'acme', operatorApiKey: ACME_KEY, mail, notifications: true, secondFactors }),
  );
  bravo = await startServer(
    testConfig(database.url, { ledger: 'bravo', operatorApiKey: BRAVO_KEY, mail, notifications: true, secondFactors }),
  );
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
  theirs = await populate(acme.url, ACME_KEY, 'acme');
  ours = await populate(bravo.url, BRAVO_KEY, 'bravo');
  // Links that confirm the emails.
  await mailsSent();
  await client.query('delete from micropay.link_tokens');
});
afterAll(async () => {
  await client?.end();
  await Promise.all([acme.close(), bravo.close()]);
  await database.drop();
});

async function populate(url: string, operator: string, name: string): Promise<Tenant> {
  const done = async (target: string, token: string | undefined, body?: unknown, headers = {}) => {
    const reply = await call(url, target, {
      token,
      key: randomUUID(),
      headers,
      ...(body === undefined ? {} : { body }),
    });
    if (reply.status >= 300) throw new Error(`${target} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    return reply.body;
  };
  const register = (email: string) => done('POST /v1/auth/register', undefined, { email, password: PASSWORD });
  const email = `user@${name}.example.com`;
  const user = await register(email);
  const otherEmail = `payee@${name}.example.com`;
  const payee = await register(otherEmail);
  const [wallet, otherWallet, token] = [user.wallet.id, payee.wallet.id, user.accessToken];
  await done('POST /v1/wallets', token, { currency: 'EUR' });
  const address = `fees:of-${name}`;
  const account = (await done('POST /v1/accounts', operator, { address, currency: 'USD' })).id;
  const otherAddress = `tax:of-${name}`;
  await done('POST /v1/accounts', operator, { address: otherAddress, currency: 'USD' });
  const currency = name.slice(0, 3).toUpperCase();
  await done('POST /v1/currencies', operator, { code: currency, scale: 3 });
  await done('POST /v1/deposits', operator, { wallet, amount: '1000', currency: 'USD' });
  const order = { from: wallet, to: otherWallet, amount: '10', currency: 'USD' };
  const transfer = (await done('POST /v1/transfers', token, order)).id;
  const batch = await done('POST /v1/transfers/linked', token, { transfers: [order, order] });
  const holds = [await done('POST /v1/holds', token, order), await done('POST /v1/holds', token, order)];
  const request = (await done('POST /v1/transfers', token, order, { prefer: 'respond-async' })).id;
  const ask = { ...payout(wallet), destination: { iban: `of-${name}` } };
  const payouts = [await done('POST /v1/payouts', token, ask), await done('POST /v1/payouts', token, ask)];
  for (const amount of ['1', '1']) {
    await done(`POST /v1/transfers/${transfer}/reversals`, payee.accessToken, { amount });
  }
  const scopes = ['accounts:read'];
  const { apiKey } = await done('POST /v1/api-keys', operator, { name: `service-of-${name}`, scopes });
  const staff = await register(`staff@${name}.example.com`);
  for (const { id } of [staff.user, payee.user]) {
    await done(`POST /v1/users/${id}/roles/grant`, operator, { role: 'support' });
  }
  const listed = () => call(url, 'GET /v1/me/notifications?limit=1', { token });
  await vi.waitUntil(async () => (await listed()).body.nextCursor !== null, { timeout: 10_000 });
  const notification = (await listed()).body.data[0].id;
  const webhookAt = async (url: string) => (await done('POST /v1/webhook-endpoints', operator, { url })).endpoint.id;
  const webhook = await webhookAt('https://receiver.invalid/');
  await webhookAt('https://receiver.invalid/other');
  const deliveries = [0, 1].map(() => done(`POST /v1/webhook-endpoints/${webhook}/test`, operator));
  const [{ id: webhookDelivery }] = await Promise.all(deliveries);
  const cursorOf = async (path: string, by = token) => (await done(`GET ${path}limit=1`, by)).nextCursor;
  const stream = await openStream(url, token);
  await vi.waitUntil(() => stream.messages[0]?.id);
  await stream.close();
  return {
    url,
    operator,
    user: token,
    userId: user.user.id,
    email,
    refreshToken: user.refreshToken,
    session: (await done('GET /v1/me/sessions', token)).data[0].id,
    wallet,
    otherWallet,
    account,
    address,
    otherEmail,
    otherAddress,
    currency,
    transfer,
    group: batch.results[0].transfer.groupId,
    hold: holds[0].id,
    request,
    payout: payouts[0].id,
    apiKey: apiKey.id,
    notification,
    webhook,
    webhookDelivery,
    lastEventId: String(stream.messages[0]?.id),
    cursors: {
      listWallets: await cursorOf('/v1/wallets?'),
      listEntries: await cursorOf(`/v1/wallets/${wallet}/entries?`),
      getStatement: await cursorOf(`/v1/statements?account=${wallet}&${PERIOD}&`),
      listTransfers: await cursorOf('/v1/transfers?'),
      listReversals: await cursorOf(`/v1/transfers/${transfer}/reversals?`),
      listHolds: await cursorOf(`/v1/wallets/${wallet}/holds?`),
      listAccounts: await cursorOf('/v1/accounts?', operator),
      listApiKeys: await cursorOf('/v1/api-keys?', operator),
      listRoles: await cursorOf('/v1/roles?', operator),
      listAuditLog: await cursorOf('/v1/audit-log?', operator),
      listNotifications: await cursorOf('/v1/me/notifications?'),
      listOwnPayouts: await cursorOf('/v1/me/payouts?'),
      listPayouts: await cursorOf('/v1/payouts?', operator),
      listWebhookEndpoints: await cursorOf('/v1/webhook-endpoints?', operator),
      listWebhookDeliveries: await cursorOf(`/v1/webhook-endpoints/${webhook}/deliveries?`, operator),
    },
  };
}

const PERIOD = 'from=2020-01-01T00:00:00Z&to=2040-01-01T00:00:00Z';

/** A request to bravo that names something: for acme's things, the response is the same as for things that do not exist. */
interface Naming {
  readonly what: keyof Tenant;
  readonly send: (named: string) => Promise<Reply>;
}

/** A request to bravo with a cursor of acme's list. */
interface Paging {
  readonly cursorOf: CursorOf;
  readonly path: () => string;
  readonly by?: 'operator';
}

/** Anything else, in its own words. */
interface Other {
  readonly name: string;
  readonly check: () => Promise<void>;
}

type Row = Naming | Paging | Other;

const send = (target: string, by: 'user' | 'operator', body?: unknown) =>
  call(ours.url, target, { token: ours[by], key: randomUUID(), ...(body === undefined ? {} : { body }) });
const get = (path: (named: string) => string, what: keyof Tenant, by: 'user' | 'operator' = 'user'): Naming => ({
  what,
  send: (named) => send(`GET ${path(named)}`, by),
});
const post = (
  path: (named: string) => string,
  what: keyof Tenant,
  by: 'user' | 'operator' = 'user',
  body: (named: string) => unknown = () => ({}),
): Naming => ({ what, send: (named) => send(`POST ${path(named)}`, by, body(named)) });

const pays = (from: string, to: string) => ({ from, to, amount: '1', currency: 'USD' });
const payout = (from: string) => ({ from, amount: '1', currency: 'USD', destination: { iban: 'DE00' } });
const cash = (wallet: string) => ({ wallet, amount: '1', currency: 'USD' });
const linked = (leg: unknown) => ({ transfers: [leg] });

const IS_OF_ITS_OWN_BOOK: Row = {
  name: 'an email of the other ledger is free in this one',
  check: async () => {
    const { status } = await call(ours.url, 'POST /v1/auth/register', {
      body: { email: theirs.otherEmail, password: 'another password of mine' },
    });
    expect(status).toBe(201);
  },
};

/** A link of the other ledger is refused, and stays valid there. */
function linkOf(purpose: string, path: string, rest: object = {}): Row {
  return {
    name: 'a link of it is none here',
    check: async () => {
      const token = `mpl_${randomUUID()}`;
      const inserted = `insert into micropay.link_tokens (ledger, token_hash, user_id, purpose, email, mail_id, asked_at, expires_at)
        values ('acme', $1, $2, $3, $4, gen_random_uuid(), now(), now() + interval '1 hour')`;
      await client.query(inserted, [hash('sha256', token, 'buffer'), theirs.userId, purpose, theirs.email]);
      const { status, body } = await call(ours.url, `POST ${path}`, { body: { token, ...rest } });
      expect([status, body.code]).toEqual([422, 'link_invalid']);
      expect(await linksOf(theirs.userId)).toEqual([purpose]);
      await client.query('delete from micropay.link_tokens');
    },
  };
}

/** A login of the other ledger is not completed, and still waits there. */
const challengeOfIt = (path: string, rest: object): Row => ({
  name: 'a challenge of it is none here',
  check: async () => {
    const challenge = `mpc_${randomUUID()}`;
    const inserted = `insert into micropay.login_challenges (ledger, token_hash, user_id, expires_at)
      values ('acme', $1, $2, now() + interval '5 minutes')`;
    await client.query(inserted, [hash('sha256', challenge, 'buffer'), theirs.userId]);
    const reply = await call(ours.url, `POST ${path}`, { body: { challenge, ...rest } });
    expect([reply.status, reply.body.code]).toEqual([422, 'challenge_invalid']);
    expect((await client.query('delete from micropay.login_challenges')).rowCount).toBe(1);
  },
});

/** A second factor of the other ledger is not there for a user of this one. */
const SECOND_FACTOR_OF_IT: Row = {
  name: 'as what nobody has: a second factor',
  check: async () => {
    const id = randomUUID();
    const inserted = `insert into micropay.second_factors (ledger, id, user_id, kind, name, confirmed_at, secret, last_step)
      values ('acme', $1, $2, 'totp', 'Phone', now(), 'secret', 0)`;
    await client.query(inserted, [id, theirs.userId]);
    const reply = await send(`POST /v1/me/second-factors/${id}/remove`, 'user', { password: PASSWORD });
    expect([reply.status, reply.body.code]).toEqual([404, 'second_factor_not_found']);
    expect((await client.query('delete from micropay.second_factors')).rowCount).toBe(1);
  },
};

async function linksOf(userId: string): Promise<readonly string[]> {
  const { rows } = await client.query('select purpose from micropay.link_tokens where user_id = $1', [userId]);
  return rows.map(({ purpose }) => purpose);
}

const mailsSent = () =>
  vi.waitUntil(async () => (await client.query('select from micropay.mails')).rowCount === 0, { timeout: 5_000 });

/** Each route, and all that it can be given of another ledger; a new route needs a line here. */
const TABLE: Readonly<Record<string, readonly Row[]>> = {
  login: [
    {
      what: 'email',
      send: (email) => call(ours.url, 'POST /v1/auth/login', { body: { email, password: PASSWORD } }),
    },
  ],
  completeLogin: [challengeOfIt('/v1/auth/login/complete', { code: '000000' })],
  requestPasskey: [challengeOfIt('/v1/auth/login/passkey-request', {})],
  completePasskeyLogin: [challengeOfIt('/v1/auth/login/passkey', { response: EXAMPLE_ASSERTION })],
  register: [IS_OF_ITS_OWN_BOOK],
  refresh: [
    {
      what: 'refreshToken',
      send: (refreshToken) => call(ours.url, 'POST /v1/auth/refresh', { body: { refreshToken } }),
    },
    {
      name: 'a refresh token that was used is no reuse here',
      check: async () => {
        const { body } = await call(theirs.url, 'POST /v1/auth/login', {
          body: { email: theirs.email, password: PASSWORD },
        });
        const next = await call(theirs.url, 'POST /v1/auth/refresh', { body: { refreshToken: body.refreshToken } });
        await call(theirs.url, 'POST /v1/auth/refresh', { body: { refreshToken: next.body.refreshToken } });
        const here = await call(ours.url, 'POST /v1/auth/refresh', { body: { refreshToken: body.refreshToken } });
        expect([here.status, here.body.code]).toEqual([401, 'refresh_token_invalid']);
        expect((await call(theirs.url, 'GET /v1/me', { token: next.body.accessToken })).status).toBe(200);
      },
    },
  ],
  logout: [
    {
      name: 'ends no session of another ledger',
      check: async () => {
        const { refreshToken, user, url } = theirs;
        expect((await call(ours.url, 'POST /v1/auth/logout', { body: { refreshToken } })).status).toBe(204);
        expect((await call(url, 'GET /v1/me', { token: user })).status).toBe(200);
        expect((await call(url, 'POST /v1/auth/refresh', { body: { refreshToken } })).status).toBe(200);
      },
    },
  ],
  requestPasswordReset: [
    {
      name: 'sends no mail to a user of it',
      check: async () => {
        const { status } = await call(ours.url, 'POST /v1/auth/password-resets', { body: { email: theirs.email } });
        expect(status).toBe(202);
        await mailsSent();
        expect(await linksOf(theirs.userId)).toEqual([]);
      },
    },
  ],
  completePasswordReset: [linkOf('password_reset', '/v1/auth/password-resets/complete', { password: NEW_PASSWORD })],
  requestEmailVerification: [],
  completeEmailVerification: [linkOf('email_verification', '/v1/auth/email-verifications/complete')],
  completeEmailChange: [linkOf('email_change', '/v1/auth/email-changes/complete')],
  changePassword: [],
  requestEmailChange: [
    {
      name: 'an email of it is free in this one',
      check: async () => {
        const email = theirs.email;
        const { status } = await send('POST /v1/me/email-changes', 'user', { email, password: PASSWORD });
        expect(status).toBe(202);
        await mailsSent();
        expect(await linksOf(ours.userId)).toEqual(['email_change']);
        await client.query('delete from micropay.link_tokens');
      },
    },
  ],
  closeMyAccount: [],
  listSessions: [],
  revokeSession: [post((id) => `/v1/me/sessions/${id}/revoke`, 'session')],
  revokeOtherSessions: [],
  listSecondFactors: [],
  enrolTotp: [],
  confirmTotp: [],
  enrolPasskey: [],
  confirmPasskey: [],
  renewRecoveryCodes: [],
  removeSecondFactor: [SECOND_FACTOR_OF_IT],
  listUserSecondFactors: [get((id) => `/v1/users/${id}/second-factors`, 'userId', 'operator')],
  removeUserSecondFactors: [
    post(
      (id) => `/v1/users/${id}/second-factors/remove`,
      'userId',
      'operator',
      () => ({ reason: 'Ticket 1042' }),
    ),
  ],
  getMe: [],
  listWallets: [{ cursorOf: 'listWallets', path: () => '/v1/wallets' }],
  openWallet: [],
  getWallet: [get((id) => `/v1/wallets/${id}`, 'wallet'), get((id) => `/v1/wallets/${id}`, 'wallet', 'operator')],
  listEntries: [
    get((id) => `/v1/wallets/${id}/entries`, 'wallet', 'operator'),
    { cursorOf: 'listEntries', path: () => `/v1/wallets/${ours.wallet}/entries` },
  ],
  getStatement: [
    get((id) => `/v1/statements?account=${id}&${PERIOD}`, 'wallet'),
    get((id) => `/v1/statements?account=${id}&${PERIOD}`, 'account', 'operator'),
    get((address) => `/v1/statements?account=${address}&${PERIOD}`, 'address', 'operator'),
    { cursorOf: 'getStatement', path: () => `/v1/statements?account=${ours.wallet}&${PERIOD}` },
  ],
  getStatementFile: [
    get((id) => `/v1/statements/file?account=${id}&${PERIOD}`, 'wallet'),
    get((id) => `/v1/statements/file?account=${id}&${PERIOD}`, 'account', 'operator'),
    get((address) => `/v1/statements/file?account=${address}&${PERIOD}`, 'address', 'operator'),
  ],
  getCurrency: [get((code) => `/v1/currencies/${code}`, 'currency')],
  postTransfer: [
    post(
      () => '/v1/transfers',
      'wallet',
      'user',
      (id) => pays(id, ours.otherWallet),
    ),
    post(
      () => '/v1/transfers',
      'otherWallet',
      'user',
      (id) => pays(ours.wallet, id),
    ),
    post(
      () => '/v1/transfers',
      'email',
      'user',
      (email) => pays(ours.wallet, email),
    ),
    post(
      () => '/v1/transfers',
      'address',
      'operator',
      (address) => pays(address, ours.wallet),
    ),
    post(
      () => '/v1/transfers',
      'account',
      'operator',
      (id) => pays(ours.wallet, id),
    ),
    {
      name: 'an idempotency key of the other ledger is new here',
      check: async () => {
        const key = randomUUID();
        const pay = ({ url, user, wallet, otherWallet }: Tenant) =>
          call(url, 'POST /v1/transfers', { token: user, key, body: pays(wallet, otherWallet) });
        const [there, here] = [await pay(theirs), await pay(ours)];
        expect([there.status, here.status, here.headers.get('idempotent-replayed')]).toEqual([201, 201, null]);
      },
    },
  ],
  postLinkedTransfers: [
    post(
      () => '/v1/transfers/linked',
      'wallet',
      'user',
      (id) => linked(pays(id, ours.otherWallet)),
    ),
    post(
      () => '/v1/transfers/linked',
      'otherWallet',
      'user',
      (id) => linked(pays(ours.wallet, id)),
    ),
    post(
      () => '/v1/transfers/linked',
      'hold',
      'operator',
      (hold) => linked({ kind: 'capture', hold }),
    ),
    post(
      () => '/v1/transfers/linked',
      'hold',
      'operator',
      (hold) => linked({ kind: 'release', hold }),
    ),
    post(
      () => '/v1/transfers/linked',
      'transfer',
      'operator',
      (transfer) => linked({ kind: 'reversal', transfer }),
    ),
  ],
  postTransfers: [
    post(
      () => '/v1/transfers/batch',
      'otherWallet',
      'user',
      (id) => ({
        transfers: [{ ...pays(ours.wallet, id), idempotencyKey: 'never-posted' }],
      }),
    ),
  ],
  listTransfers: [
    get((id) => `/v1/transfers?account=${id}`, 'wallet', 'operator'),
    { cursorOf: 'listTransfers', path: () => '/v1/transfers' },
  ],
  getTransfer: [get((id) => `/v1/transfers/${id}`, 'transfer', 'operator')],
  getTransferRequest: [get((id) => `/v1/transfer-requests/${id}`, 'request', 'operator')],
  reverseTransfer: [post((id) => `/v1/transfers/${id}/reversals`, 'transfer', 'operator')],
  listReversals: [
    get((id) => `/v1/transfers/${id}/reversals`, 'transfer', 'operator'),
    { cursorOf: 'listReversals', path: () => `/v1/transfers/${ours.transfer}/reversals` },
  ],
  reverseLinked: [post((id) => `/v1/transfers/groups/${id}/reversals`, 'group', 'operator')],
  placeHold: [
    post(
      () => '/v1/holds',
      'wallet',
      'user',
      (id) => pays(id, ours.otherWallet),
    ),
    post(
      () => '/v1/holds',
      'otherWallet',
      'user',
      (id) => pays(ours.wallet, id),
    ),
    post(
      () => '/v1/holds',
      'email',
      'user',
      (email) => pays(ours.wallet, email),
    ),
  ],
  getHold: [get((id) => `/v1/holds/${id}`, 'hold', 'operator')],
  listHolds: [
    get((id) => `/v1/wallets/${id}/holds`, 'wallet', 'operator'),
    { cursorOf: 'listHolds', path: () => `/v1/wallets/${ours.wallet}/holds` },
  ],
  captureHold: [post((id) => `/v1/holds/${id}/capture`, 'hold', 'operator')],
  releaseHold: [post((id) => `/v1/holds/${id}/release`, 'hold', 'operator')],
  streamEvents: [
    {
      name: 'an id of the other stream tells of this ledger alone',
      check: async () => {
        const stream = await openStream(ours.url, ours.operator, { lastEventId: theirs.lastEventId });
        await expect.poll(() => stream.events().length).toBeGreaterThan(5);
        await stream.close();
        const told = JSON.stringify(stream.events());
        for (const id of [theirs.wallet, theirs.otherWallet, theirs.userId, theirs.transfer])
          expect(told).not.toContain(id);
      },
    },
  ],
  createDeposit: [post(() => '/v1/deposits', 'wallet', 'operator', cash)],
  createWithdrawal: [post(() => '/v1/withdrawals', 'wallet', 'operator', cash)],
  freezeWallet: [post((id) => `/v1/wallets/${id}/freeze`, 'wallet', 'operator')],
  unfreezeWallet: [post((id) => `/v1/wallets/${id}/unfreeze`, 'wallet', 'operator')],
  listAccounts: [
    { cursorOf: 'listAccounts', path: () => '/v1/accounts', by: 'operator' },
    {
      name: 'a prefix finds accounts of this ledger alone',
      check: async () => {
        const { body } = await send('GET /v1/accounts?prefix=fees:', 'operator');
        expect(body.data.map(({ address }: { address: string }) => address)).toEqual([ours.address]);
      },
    },
  ],
  openAccount: [
    {
      name: 'an address of the other ledger is free in this one',
      check: async () => {
        const { status } = await send('POST /v1/accounts', 'operator', {
          address: theirs.otherAddress,
          currency: 'USD',
        });
        expect(status).toBe(201);
      },
    },
  ],
  aggregateAccounts: [
    {
      name: 'sums accounts of this ledger alone',
      check: async () => {
        const { body } = await send('GET /v1/aggregate?path=users', 'operator');
        const told = JSON.stringify(body.data);
        expect(told).toContain(ours.userId);
        expect(told).not.toContain(theirs.userId);
      },
    },
  ],
  getAccount: ['wallet', 'account', 'address'].map((what) =>
    get((id) => `/v1/accounts/${id}`, what as keyof Tenant, 'operator'),
  ),
  freezeAccount: ['account', 'address'].map((what) =>
    post((id) => `/v1/accounts/${id}/freeze`, what as keyof Tenant, 'operator'),
  ),
  unfreezeAccount: ['account', 'address'].map((what) =>
    post((id) => `/v1/accounts/${id}/unfreeze`, what as keyof Tenant, 'operator'),
  ),
  setAccountLimits: ['account', 'address'].map((what) =>
    post(
      (id) => `/v1/accounts/${id}/limits`,
      what as keyof Tenant,
      'operator',
      () => ({ minimum: '-5' }),
    ),
  ),
  closeAccount: ['account', 'address'].map((what) =>
    post((id) => `/v1/accounts/${id}/close`, what as keyof Tenant, 'operator'),
  ),
  registerCurrency: [
    {
      name: 'a currency of the other ledger may have another scale here',
      check: async () => {
        const { status } = await send('POST /v1/currencies', 'operator', { code: theirs.currency, scale: 8 });
        expect(status).toBe(201);
      },
    },
  ],
  verify: [
    {
      name: 'verifies this ledger alone',
      check: async () => {
        const [{ body: one }, { body: all }] = [
          await send('GET /v1/verify', 'operator'),
          await send('GET /v1/accounts?limit=200', 'operator'),
        ];
        expect([one.ok, one.accounts]).toEqual([true, all.data.length]);
      },
    },
  ],
  trialBalance: [],
  setTimeZone: [],
  requestPayout: [post(() => '/v1/payouts', 'wallet', 'user', payout)],
  listOwnPayouts: [{ cursorOf: 'listOwnPayouts', path: () => '/v1/me/payouts' }],
  getPayout: [get((id) => `/v1/payouts/${id}`, 'payout'), get((id) => `/v1/payouts/${id}`, 'payout', 'operator')],
  cancelPayout: [post((id) => `/v1/payouts/${id}/cancel`, 'payout')],
  listPayouts: [
    { cursorOf: 'listPayouts', path: () => '/v1/payouts', by: 'operator' },
    {
      name: 'lists no payout of it',
      check: async () => {
        const { body } = await send('GET /v1/payouts', 'operator');
        expect(body.data).toHaveLength(2);
        expect(JSON.stringify(body.data)).not.toContain('of-acme');
      },
    },
  ],
  takePayout: [post((id) => `/v1/payouts/${id}/take`, 'payout', 'operator')],
  payPayout: [
    post(
      (id) => `/v1/payouts/${id}/pay`,
      'payout',
      'operator',
      () => ({ reference: 'po_1' }),
    ),
  ],
  failPayout: [
    post(
      (id) => `/v1/payouts/${id}/fail`,
      'payout',
      'operator',
      () => ({ reason: 'No such bank' }),
    ),
  ],
  listNotifications: [{ cursorOf: 'listNotifications', path: () => '/v1/me/notifications' }],
  readNotification: [post((id) => `/v1/me/notifications/${id}/read`, 'notification')],
  readAllNotifications: [],
  getNotificationPreferences: [],
  changeNotificationPreferences: [],
  listWebhookEndpoints: [{ cursorOf: 'listWebhookEndpoints', path: () => '/v1/webhook-endpoints', by: 'operator' }],
  createWebhookEndpoint: [],
  getWebhookEndpoint: [get((id) => `/v1/webhook-endpoints/${id}`, 'webhook', 'operator')],
  changeWebhookEndpoint: [
    { what: 'webhook', send: (id) => send(`PATCH /v1/webhook-endpoints/${id}`, 'operator', { enabled: false }) },
  ],
  rotateWebhookSecret: [post((id) => `/v1/webhook-endpoints/${id}/rotate-secret`, 'webhook', 'operator')],
  deleteWebhookEndpoint: [{ what: 'webhook', send: (id) => send(`DELETE /v1/webhook-endpoints/${id}`, 'operator') }],
  testWebhookEndpoint: [post((id) => `/v1/webhook-endpoints/${id}/test`, 'webhook', 'operator')],
  listWebhookDeliveries: [
    get((id) => `/v1/webhook-endpoints/${id}/deliveries`, 'webhook', 'operator'),
    {
      cursorOf: 'listWebhookDeliveries',
      path: () => `/v1/webhook-endpoints/${ours.webhook}/deliveries`,
      by: 'operator',
    },
  ],
  replayWebhookDelivery: [
    post((id) => `/v1/webhook-endpoints/${id}/deliveries/${ours.webhookDelivery}/replay`, 'webhook', 'operator'),
    post((id) => `/v1/webhook-endpoints/${ours.webhook}/deliveries/${id}/replay`, 'webhookDelivery', 'operator'),
  ],
  replayWebhooks: [post((id) => `/v1/webhook-endpoints/${id}/replay`, 'webhook', 'operator')],
  listApiKeys: [
    { cursorOf: 'listApiKeys', path: () => '/v1/api-keys', by: 'operator' },
    {
      name: 'lists no key of it',
      check: async () => {
        const { body } = await send('GET /v1/api-keys', 'operator');
        expect(body.data.map(({ name }: { name: string }) => name)).not.toContain('service-of-acme');
      },
    },
  ],
  createApiKey: [
    {
      name: 'a name of it is free in this one',
      check: async () => {
        const body = { name: 'service-of-acme-too', scopes: ['accounts:read'] };
        const made = (url: string, token: string) => call(url, 'POST /v1/api-keys', { token, body });
        const [there, here] = [await made(theirs.url, theirs.operator), await made(ours.url, ours.operator)];
        expect([there.status, here.status]).toEqual([201, 201]);
        expect((await call(ours.url, 'GET /v1/accounts', { token: there.body.key })).status).toBe(401);
      },
    },
  ],
  rotateApiKey: [post((id) => `/v1/api-keys/${id}/rotate`, 'apiKey', 'operator')],
  revokeApiKey: [
    {
      what: 'apiKey',
      send: (id) => send(`POST /v1/api-keys/${id}/revoke`, 'operator'),
    },
  ],
  listRoles: [
    { cursorOf: 'listRoles', path: () => '/v1/roles', by: 'operator' },
    {
      name: 'lists no user of it',
      check: async () => {
        const { body } = await send('GET /v1/roles', 'operator');
        expect(body.data).toHaveLength(2);
        expect(JSON.stringify(body.data)).not.toContain(theirs.userId);
      },
    },
  ],
  grantRole: [
    post(
      (id) => `/v1/users/${id}/roles/grant`,
      'userId',
      'operator',
      () => ({ role: 'support' }),
    ),
  ],
  revokeRole: [
    post(
      (id) => `/v1/users/${id}/roles/revoke`,
      'userId',
      'operator',
      () => ({ role: 'support' }),
    ),
  ],
  listAuditLog: [
    { cursorOf: 'listAuditLog', path: () => '/v1/audit-log', by: 'operator' },
    {
      name: 'lists no act on it',
      check: async () => {
        const { body } = await send('GET /v1/audit-log?limit=200', 'operator');
        const done = JSON.stringify(body.data.filter(({ outcome }: { outcome: string }) => outcome === 'done'));
        expect(done).toContain(ours.wallet);
        for (const id of [theirs.wallet, theirs.apiKey, theirs.address]) expect(done).not.toContain(id);
      },
    },
  ],
  getLedger: [],
  livez: [],
  readyz: [],
  getJwks: [
    {
      name: 'publishes no key that signs for the other ledger',
      check: async () => {
        const kids = async ({ url }: Tenant) =>
          (await call(url, 'GET /.well-known/jwks.json')).body.keys.map(({ kid }: { kid: string }) => kid);
        const [there, here] = [await kids(theirs), await kids(ours)];
        expect([there.length, here.length]).toEqual([1, 1]);
        expect(here).not.toEqual(there);
      },
    },
  ],
};

/** A well-formed id or name of something that never existed. */
function neverThere(what: keyof Tenant): string {
  const forms: Partial<Record<keyof Tenant, string>> = {
    email: 'nobody@nowhere.example.com',
    refreshToken: 'mpr_nobody-has-this',
    address: 'fees:of-nobody',
    currency: 'NOB',
  };
  return forms[what] ?? randomUUID();
}

/** A response without the name of the thing and the id of the request. */
function answerOf({ status, body }: Reply, named: string) {
  const text = JSON.stringify({ status, body: { ...body, instance: undefined } });
  return text.replaceAll(named, 'NAMED');
}

async function checkRow(row: Row): Promise<void> {
  if ('check' in row) return row.check();
  if ('cursorOf' in row) {
    const path = row.path();
    const cursor = theirs.cursors[row.cursorOf];
    const reply = await send(`GET ${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`, row.by ?? 'user');
    expect([reply.status, reply.body.code]).toEqual([422, 'invalid_cursor']);
    return;
  }
  const [named, nobodys] = [theirs[row.what] as string, neverThere(row.what)];
  const answer = answerOf(await row.send(named), named);
  expect(answer).toBe(answerOf(await row.send(nobodys), nobodys));
  expect(answer).not.toContain('route_not_found');
  expect(answer).toMatch(/"status":4\d\d|"ok":false/);
}

const nameOf = (row: Row) =>
  'what' in row ? `as what nobody has: a ${row.what}` : 'cursorOf' in row ? 'refuses a cursor of it' : row.name;

describe('two ledgers on one schema: of the other one', () => {
  it('the table of ledger isolation has every route', () => {
    expect(Object.keys(TABLE).sort()).toEqual(ROUTES.map(({ endpoint }) => endpoint.operationId).sort());
  });

  const rows = Object.entries(TABLE).flatMap(([route, ofRoute]) => ofRoute.map((row) => ({ route, row })));
  it.each(rows.map(({ route, row }) => [route, nameOf(row), row] as const))('%s: %s', (_route, _name, row) =>
    checkRow(row),
  );

  const guarded = ROUTES.filter(({ endpoint }) => endpoint.access !== 'anyone').map(({ endpoint }) => endpoint);
  it.each(guarded.map((endpoint) => [endpoint.operationId, endpoint] as const))(
    '%s takes neither an access token nor an operator key',
    async (_name, { method, path }) => {
      const target = `${method.toUpperCase()} ${path.replace('{id}', ours.wallet).replace('{code}', 'USD')}`;
      for (const token of [theirs.user, theirs.operator]) {
        const reply = await call(ours.url, target, {
          token,
          key: randomUUID(),
          ...(method === 'get' ? {} : { body: {} }),
        });
        expect([reply.status, reply.body?.code]).toEqual([401, 'token_invalid']);
      }
    },
  );

  it('the other ledger on the schema is unchanged', async () => {
    const { url, operator, wallet, account, hold } = theirs;
    const at = async (path: string) => (await call(url, `GET ${path}`, { token: operator })).body;
    expect(await at(`/v1/wallets/${wallet}`)).toMatchObject({ status: 'open' });
    expect(await at(`/v1/accounts/${account}`)).toMatchObject({ status: 'open', minimum: '0' });
    expect(await at(`/v1/holds/${hold}`)).toMatchObject({ state: 'open', remaining: '10' });
    expect((await at('/v1/verify')).ok).toBe(true);
  });
});

it("each key of the server's tables begins with the ledger", async () => {
  const folder = new URL('../migrations/', import.meta.url);
  const texts = await Promise.all((await readdir(folder)).map((name) => readFile(new URL(name, folder), 'utf8')));
  const tables = [...texts.join('\n').matchAll(/^create table (\w+)/gm)].map(([, name]) => name);
  const { rows } = await client.query(
    `select c.relname as table, i.indexrelid::regclass::text as key, a.attname as first
     from pg_index i join pg_class c on c.oid = i.indrelid
       join pg_attribute a on a.attrelid = c.oid and a.attnum = i.indkey[0]
     where i.indisunique and c.relnamespace = 'micropay'::regnamespace and c.relname = any($1)`,
    [tables],
  );
  expect(new Set(rows.map(({ table }) => table))).toEqual(new Set(tables));
  expect(rows.filter(({ first }) => first !== 'ledger')).toEqual([]);
});
