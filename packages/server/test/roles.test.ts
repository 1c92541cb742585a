import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXAMPLE_REGISTRATION } from '../src/auth/second-factor/passkey-json.js';
import type { Endpoint } from '../src/http/endpoint.js';
import { SUPPORT_SCOPES } from '../src/identity/scope.js';
import { type RunningServer, startServer } from '../src/process/start-server.js';
import { ROUTES } from '../src/routes.js';
import { balanceOf, call, registerUser, type TestUser } from './support/call.js';
import { startMicropay } from './support/run-micropay.js';
import { AUDIENCE, startTestIssuer, type TestIssuer } from './support/test-issuer.js';
import { OPERATOR_KEY, startTestServer, type TestServer, testConfig } from './support/test-server.js';

let server: TestServer;
/** Its users sign in to the server, and this one's do not. */
let issuer: TestIssuer;
let otherIssuer: TestIssuer;
/** Whose things the table is about, who has a part in nothing, and who is support. */
let owner: TestUser;
let other: TestUser;
let support: TestUser;
let payee: TestUser;
/** Of a user who pays nobody: it is frozen, and closed. */
let idle: TestUser;
let things: Readonly<
  Record<
    | 'transfer'
    | 'group'
    | 'hold'
    | 'payout'
    | 'spoiltPayout'
    | 'unwantedPayout'
    | 'request'
    | 'account'
    | 'emptyAccount'
    | 'apiKey'
    | 'session'
    | 'webhook'
    | 'delivery',
    string
  >
>;

const as = (token: string | undefined, target: string, body?: unknown, url = server.url) =>
  call(url, target, { token, key: randomUUID(), ...(body === undefined ? {} : { body }) });

async function made(token: string, target: string, body?: unknown, headers = {}) {
  const reply = await call(server.url, target, { token, key: randomUUID(), headers, body });
  if (reply.status >= 300) throw new Error(`${target} answered ${reply.status}: ${JSON.stringify(reply.body)}`);
  return reply.body;
}

const order = () => ({ from: owner.wallet, to: payee.wallet, amount: '1', currency: 'USD' });
const payoutOf = () => ({ from: owner.wallet, amount: '1', currency: 'USD', destination: { iban: 'DE00' } });
const grant = (id: string) => as(OPERATOR_KEY, `POST /v1/users/${id}/roles/grant`, { role: 'support' });

const claimsOf = (subject: string) => (subject === 'issued-support' ? { roles: ['support'] } : {});

beforeAll(async () => {
  [issuer, otherIssuer] = await Promise.all([startTestIssuer(claimsOf), startTestIssuer(claimsOf)]);
  const oidc = {
    mode: 'both',
    issuer: issuer.url,
    audience: AUDIENCE,
    tokenType: 'at+jwt',
    userClaim: 'sub',
    roleClaim: 'roles',
    ledgerClaim: undefined,
  } as const;
  server = await startTestServer({
    trustedProxies: 1,
    oidc,
    notifications: true,
    secondFactors: WITH_PASSKEYS,
  });
  [owner, other, support, payee, idle] = await Promise.all([
    registerUser(server.url, { balance: 1_000n }),
    registerUser(server.url),
    registerUser(server.url),
    registerUser(server.url),
    registerUser(server.url),
  ]);
  expect(await grant(support.id)).toMatchObject({ status: 200, body: { userId: support.id, role: 'support' } });
  const account = async (address: string) =>
    (await made(OPERATOR_KEY, 'POST /v1/accounts', { address, currency: 'USD' })).id;
  const url = 'https://receiver.invalid/';
  const webhook = (await made(OPERATOR_KEY, 'POST /v1/webhook-endpoints', { url })).endpoint.id;
  const linked = await made(owner.token, 'POST /v1/transfers/linked', { transfers: [order(), order()] });
  const { email, password } = owner;
  await made('', 'POST /v1/auth/login', { email, password });
  const sessions = (await as(owner.token, 'GET /v1/me/sessions')).body.data;
  things = {
    session: sessions.find(({ current }: { current: boolean }) => !current).id,
    transfer: (await made(owner.token, 'POST /v1/transfers', { ...order(), amount: '10' })).id,
    group: linked.results[0].transfer.groupId,
    hold: (await made(owner.token, 'POST /v1/holds', { ...order(), amount: '10' })).id,
    payout: (await made(owner.token, 'POST /v1/payouts', payoutOf())).id,
    spoiltPayout: (await made(owner.token, 'POST /v1/payouts', payoutOf())).id,
    unwantedPayout: (await made(owner.token, 'POST /v1/payouts', payoutOf())).id,
    request: (await made(owner.token, 'POST /v1/transfers', order(), { prefer: 'respond-async' })).id,
    account: await account('fees:card'),
    emptyAccount: await account('fees:closed'),
    apiKey: (await made(OPERATOR_KEY, 'POST /v1/api-keys', { name: 'service', scopes: ['accounts:read'] })).apiKey.id,
    webhook,
    delivery: (await made(OPERATOR_KEY, `POST /v1/webhook-endpoints/${webhook}/test`)).id,
  };
});
afterAll(async () => {
  await server?.stop();
  await Promise.all([issuer.stop(), otherIssuer.stop()]);
});

interface Row {
  /** The path with real ids; default: the endpoint's own. */
  readonly path?: () => string;
  readonly body?: (who: string) => unknown;
  /** The status for nobody, the owner, another user, support and the operator's key. */
  readonly statuses: readonly [number, number, number, number, number];
}

/** Open to everybody who is signed in as a user: each has their own. */
const OF_USERS = [401, 200, 200, 200, 403] as const;
const OF_ALL = [401, 200, 200, 200, 200] as const;
/** A thing of the owner's, which support may read. */
const OF_OWNER = [401, 200, 404, 200, 200] as const;
const OF_STAFF = [401, 403, 403, 200, 200] as const;
const OF_OPERATORS = [401, 403, 403, 403, 200] as const;
const MADE_BY_OPERATORS = [401, 403, 403, 403, 201] as const;
/** Only the payee, who is none of them, and operators may. Whoever has no part in it does not hear that it is there. */
const OF_PAYEE = [401, 403, 404, 404, 201] as const;

const PERIOD = 'from=2020-01-01T00:00:00Z&to=2040-01-01T00:00:00Z';
const cash = () => ({ wallet: idle.wallet, amount: '1', currency: 'USD' });
const hook = (path: string) => `/v1/webhook-endpoints/${things.webhook}${path}`;
const role = () => ({ role: 'support' });
const WITH_PASSKEYS = { serviceName: 'MicroPay', passkeys: { rpId: 'localhost', origins: ['http://localhost:3000'] } };
const wrongPassword = () => ({ password: 'wrong password' });

/** Each route that is not open to anyone, by the outcome for each role; a new route needs a line here. */
const TABLE: Readonly<Record<string, Row>> = {
  getMe: { statuses: OF_USERS },
  changePassword: {
    body: () => ({ currentPassword: 'wrong password', newPassword: 'staple battery horse' }),
    statuses: [401, 403, 403, 403, 403],
  },
  closeMyAccount: { body: wrongPassword, statuses: [401, 403, 403, 403, 403] },
  listSessions: { statuses: OF_USERS },
  revokeSession: { path: () => `/v1/me/sessions/${things.session}/revoke`, statuses: [401, 204, 404, 404, 403] },
  revokeOtherSessions: { statuses: [401, 204, 204, 204, 403] },
  listSecondFactors: { statuses: OF_USERS },
  enrolTotp: { body: wrongPassword, statuses: [401, 403, 403, 403, 403] },
  confirmTotp: { body: () => ({ code: '000000' }), statuses: [401, 404, 404, 404, 403] },
  enrolPasskey: { body: wrongPassword, statuses: [401, 403, 403, 403, 403] },
  confirmPasskey: { body: () => ({ response: EXAMPLE_REGISTRATION }), statuses: [401, 404, 404, 404, 403] },
  removeSecondFactor: {
    path: () => `/v1/me/second-factors/${randomUUID()}/remove`,
    body: wrongPassword,
    statuses: [401, 403, 403, 403, 403],
  },
  renewRecoveryCodes: { body: wrongPassword, statuses: [401, 403, 403, 403, 403] },
  // This server sends no mails.
  requestEmailChange: {
    body: (who) => ({ email: `${who}@example.net`, password: 'wrong password' }),
    statuses: [401, 422, 422, 422, 403],
  },
  requestEmailVerification: { statuses: [401, 422, 422, 422, 403] },
  listWallets: { statuses: OF_USERS },
  openWallet: { body: () => ({ currency: 'EUR' }), statuses: [401, 201, 201, 201, 403] },
  getWallet: { path: () => `/v1/wallets/${owner.wallet}`, statuses: OF_OWNER },
  listEntries: { path: () => `/v1/wallets/${owner.wallet}/entries`, statuses: OF_OWNER },
  getStatement: { path: () => `/v1/statements?account=${owner.wallet}&${PERIOD}`, statuses: OF_OWNER },
  getStatementFile: { path: () => `/v1/statements/file?account=${owner.wallet}&${PERIOD}`, statuses: OF_OWNER },
  getCurrency: { path: () => '/v1/currencies/USD', statuses: OF_ALL },
  postTransfer: { body: order, statuses: [401, 201, 404, 404, 201] },
  // Each transfer of a batch has its own outcome: the balance below says that others paid nothing.
  postTransfers: {
    body: (who) => ({ transfers: [{ ...order(), idempotencyKey: `batch-${who}` }] }),
    statuses: OF_ALL,
  },
  postLinkedTransfers: { body: () => ({ transfers: [order()] }), statuses: [401, 200, 404, 404, 200] },
  listTransfers: { path: () => `/v1/transfers?account=${owner.wallet}`, statuses: OF_OWNER },
  getTransfer: { path: () => `/v1/transfers/${things.transfer}`, statuses: OF_OWNER },
  getTransferRequest: { path: () => `/v1/transfer-requests/${things.request}`, statuses: OF_OWNER },
  reverseTransfer: {
    path: () => `/v1/transfers/${things.transfer}/reversals`,
    body: () => ({ amount: '1' }),
    statuses: OF_PAYEE,
  },
  listReversals: { path: () => `/v1/transfers/${things.transfer}/reversals`, statuses: OF_OWNER },
  reverseLinked: {
    path: () => `/v1/transfers/groups/${things.group}/reversals`,
    body: () => ({}),
    statuses: OF_PAYEE,
  },
  placeHold: { body: order, statuses: [401, 201, 404, 404, 201] },
  getHold: { path: () => `/v1/holds/${things.hold}`, statuses: OF_OWNER },
  listHolds: { path: () => `/v1/wallets/${owner.wallet}/holds`, statuses: OF_OWNER },
  captureHold: {
    path: () => `/v1/holds/${things.hold}/capture`,
    body: () => ({ amount: '1', final: false }),
    statuses: OF_PAYEE,
  },
  releaseHold: { path: () => `/v1/holds/${things.hold}/release`, body: () => ({}), statuses: OF_PAYEE },
  requestPayout: { body: payoutOf, statuses: [401, 201, 404, 404, 403] },
  listOwnPayouts: { statuses: OF_USERS },
  // Where it goes is for its user and for whoever makes payouts.
  getPayout: { path: () => `/v1/payouts/${things.payout}`, statuses: [401, 200, 404, 404, 200] },
  cancelPayout: { path: () => `/v1/payouts/${things.unwantedPayout}/cancel`, statuses: [401, 200, 404, 404, 403] },
  listPayouts: { statuses: OF_OPERATORS },
  takePayout: { path: () => `/v1/payouts/${things.payout}/take`, statuses: OF_OPERATORS },
  payPayout: {
    path: () => `/v1/payouts/${things.payout}/pay`,
    body: () => ({ reference: 'po_1' }),
    statuses: OF_OPERATORS,
  },
  failPayout: {
    path: () => `/v1/payouts/${things.spoiltPayout}/fail`,
    body: () => ({ reason: 'No such bank' }),
    statuses: OF_OPERATORS,
  },
  streamEvents: { statuses: OF_ALL },
  createDeposit: { body: cash, statuses: MADE_BY_OPERATORS },
  createWithdrawal: { body: cash, statuses: MADE_BY_OPERATORS },
  freezeWallet: { path: () => `/v1/wallets/${idle.wallet}/freeze`, statuses: OF_STAFF },
  unfreezeWallet: { path: () => `/v1/wallets/${idle.wallet}/unfreeze`, statuses: OF_STAFF },
  listAccounts: { statuses: OF_STAFF },
  openAccount: { body: (who) => ({ address: `fees:by-${who}`, currency: 'USD' }), statuses: MADE_BY_OPERATORS },
  getAccount: { path: () => `/v1/accounts/${things.account}`, statuses: OF_STAFF },
  aggregateAccounts: { statuses: OF_STAFF },
  freezeAccount: { path: () => `/v1/accounts/${things.account}/freeze`, statuses: OF_STAFF },
  unfreezeAccount: { path: () => `/v1/accounts/${things.account}/unfreeze`, statuses: OF_STAFF },
  setAccountLimits: {
    path: () => `/v1/accounts/${things.account}/limits`,
    body: () => ({ minimum: '-5' }),
    statuses: OF_OPERATORS,
  },
  closeAccount: { path: () => `/v1/accounts/${things.emptyAccount}/close`, statuses: OF_OPERATORS },
  registerCurrency: { body: () => ({ code: 'GEMS', scale: 0 }), statuses: MADE_BY_OPERATORS },
  verify: { statuses: OF_STAFF },
  trialBalance: { statuses: OF_STAFF },
  setTimeZone: { body: () => ({ timeZone: 'Europe/Berlin' }), statuses: OF_OPERATORS },
  listApiKeys: { statuses: OF_OPERATORS },
  createApiKey: {
    body: (who) => ({ name: `key-of-${who}`, scopes: ['accounts:read'] }),
    statuses: MADE_BY_OPERATORS,
  },
  rotateApiKey: { path: () => `/v1/api-keys/${things.apiKey}/rotate`, statuses: OF_OPERATORS },
  revokeApiKey: { path: () => `/v1/api-keys/${things.apiKey}/revoke`, statuses: OF_OPERATORS },
  listRoles: { statuses: OF_OPERATORS },
  grantRole: { path: () => `/v1/users/${idle.id}/roles/grant`, body: role, statuses: OF_OPERATORS },
  revokeRole: {
    path: () => `/v1/users/${idle.id}/roles/revoke`,
    body: role,
    statuses: [401, 403, 403, 403, 204],
  },
  listUserSecondFactors: { path: () => `/v1/users/${owner.id}/second-factors`, statuses: OF_STAFF },
  removeUserSecondFactors: {
    path: () => `/v1/users/${owner.id}/second-factors/remove`,
    body: () => ({ reason: 'Ticket 1042' }),
    statuses: [401, 403, 403, 403, 204],
  },
  listNotifications: { statuses: OF_USERS },
  // Each has notifications of their own: this is nobody's.
  readNotification: { path: () => `/v1/me/notifications/${randomUUID()}/read`, statuses: [401, 404, 404, 404, 403] },
  readAllNotifications: { statuses: OF_USERS },
  getNotificationPreferences: { statuses: OF_USERS },
  changeNotificationPreferences: { body: () => ({ language: 'de' }), statuses: OF_USERS },
  listWebhookEndpoints: { statuses: OF_OPERATORS },
  createWebhookEndpoint: { body: () => ({ url: 'https://receiver.invalid/other' }), statuses: MADE_BY_OPERATORS },
  getWebhookEndpoint: { path: () => hook(''), statuses: OF_OPERATORS },
  changeWebhookEndpoint: { path: () => hook(''), body: () => ({ enabled: false }), statuses: OF_OPERATORS },
  rotateWebhookSecret: { path: () => hook('/rotate-secret'), statuses: OF_OPERATORS },
  testWebhookEndpoint: { path: () => hook('/test'), statuses: MADE_BY_OPERATORS },
  listWebhookDeliveries: { path: () => hook('/deliveries'), statuses: OF_OPERATORS },
  replayWebhookDelivery: { path: () => hook(`/deliveries/${things.delivery}/replay`), statuses: OF_OPERATORS },
  replayWebhooks: { path: () => hook('/replay'), body: () => ({}), statuses: OF_OPERATORS },
  // Last of them in the order of the routes, as the endpoint is gone then.
  deleteWebhookEndpoint: { path: () => hook(''), statuses: [401, 403, 403, 403, 204] },
  listAuditLog: { statuses: OF_OPERATORS },
  getLedger: { statuses: OF_ALL },
};

const guarded: readonly Endpoint[] = ROUTES.map(({ endpoint }) => endpoint).filter(({ access }) => access !== 'anyone');

/** The status alone: some responses are files and streams. */
async function statusFor(token: string | undefined, endpoint: Endpoint, who: string, headers = {}): Promise<number> {
  const { path = () => endpoint.path, body } = TABLE[endpoint.operationId] ?? {};
  const given = body?.(who);
  const controller = new AbortController();
  const response = await fetch(server.url + path(), {
    method: endpoint.method.toUpperCase(),
    signal: controller.signal,
    headers: {
      'idempotency-key': randomUUID(),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(given === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(given === undefined ? {} : { body: JSON.stringify(given) }),
  });
  controller.abort();
  return response.status;
}

describe('the table of roles', () => {
  it('the table of roles has every route that is not open to anyone', () => {
    expect(Object.keys(TABLE).sort()).toEqual(guarded.map(({ operationId }) => operationId).sort());
  });

  it('the table of roles leaves open to anyone what signs in, and what says how the server is', () => {
    const open = ROUTES.map(({ endpoint }) => endpoint).filter(({ access }) => access === 'anyone');
    for (const { path } of open) expect(path).toMatch(/^\/v1\/auth\/|^\/(livez|readyz|\.well-known\/jwks\.json)$/);
  });

  it('the table of roles opens to support no route but those of its scopes', () => {
    for (const { operationId, access, scope } of guarded) {
      if (access === 'staff') expect(SUPPORT_SCOPES, operationId).toContain(scope);
    }
    expect([...SUPPORT_SCOPES].filter((scope) => scope.endsWith(':write'))).toEqual([]);
  });

  const rows = guarded.map((endpoint) => [endpoint.operationId, endpoint] as const);
  it.each(rows)('%s: nobody, the owner, another user, support and the operator', async (operationId, endpoint) => {
    const anonymous = await statusFor(undefined, endpoint, 'nobody');
    // The operator comes last: what they do may end what the others would have done.
    const ofOther = await statusFor(other.token, endpoint, 'other');
    const ofSupport = await statusFor(support.token, endpoint, 'support');
    const ofOwner = await statusFor(owner.token, endpoint, 'owner');
    const ofOperator = await statusFor(OPERATOR_KEY, endpoint, 'operator');
    const found = [anonymous, ofOwner, ofOther, ofSupport, ofOperator];
    expect(found).toEqual(TABLE[operationId]?.statuses);
  });

  it.each(rows)('%s: a user and support who signed in elsewhere', async (operationId, endpoint) => {
    const found = [
      await statusFor(await issuer.token('issued-user'), endpoint, 'issued-user'),
      await statusFor(await issuer.token('issued-support'), endpoint, 'issued-support'),
    ];
    const [, , ofOther, ofSupport] = TABLE[operationId]?.statuses ?? [];
    expect(found).toEqual([ofOther, ofSupport]);
  });

  it('the table of roles moved no money but by its owner and the operator', async () => {
    // 1,000 less 13 of the set-up, 3 by the owner, 3 by the operator, 1 captured and 1 paid out; 3 came back.
    await expect.poll(() => balanceOf(server.url, owner)).toBe('982');
    expect(await balanceOf(server.url, other)).toBe('0');
    expect(await balanceOf(server.url, support)).toBe('0');
  });

  it('the table of roles refuses ended credentials on every route', async () => {
    const scopes = ['accounts:read', 'keys:write'];
    const key = async (name: string, more = {}) => made(OPERATOR_KEY, 'POST /v1/api-keys', { name, scopes, ...more });
    const soon = new Date(Date.now() + 1_500).toISOString();
    const [expired, revoked] = [await key('expired', { expiresAt: soon }), await key('revoked')];
    await made(OPERATOR_KEY, `POST /v1/api-keys/${revoked.apiKey.id}/revoke`);
    const gone = await registerUser(server.url);
    await call(server.url, 'POST /v1/auth/logout', { body: { refreshToken: gone.refreshToken } });
    await expect.poll(async () => (await as(expired.key, 'GET /v1/ledger')).status, { timeout: 8_000 }).toBe(401);
    for (const endpoint of guarded) {
      for (const token of [expired.key, revoked.key, gone.token, 'mpk_nobody']) {
        expect([endpoint.operationId, await statusFor(token, endpoint, 'ended')]).toEqual([endpoint.operationId, 401]);
      }
    }
  });

  it('the table of roles refuses what no issuer of its own has signed for it, on every route', async () => {
    const nowS = Math.floor(Date.now() / 1_000);
    const tokens = {
      'another issuer': await otherIssuer.token('issued-user'),
      'another issuer, which takes the name of ours': await otherIssuer.token('issued-support', { iss: issuer.url }),
      'another audience': await issuer.token('issued-support', { aud: 'another-api' }),
      expired: await issuer.token('issued-support', { iat: nowS - 600, exp: nowS - 300 }),
      'id token': (await issuer.signIn('issued-support')).idToken,
    };
    for (const endpoint of guarded) {
      for (const [what, token] of Object.entries(tokens)) {
        const status = await statusFor(token, endpoint, 'refused');
        expect([endpoint.operationId, what, status]).toEqual([endpoint.operationId, what, 401]);
      }
    }
  });

  it('the table of roles refuses a key that comes from another network, on every route', async () => {
    const { key } = await made(OPERATOR_KEY, 'POST /v1/api-keys', {
      name: 'elsewhere',
      scopes: [...new Set(guarded.flatMap(({ scope }) => (scope === undefined ? [] : [scope])))],
      networks: ['192.0.2.0/24'],
    });
    expect(
      (await call(server.url, 'GET /v1/ledger', { token: key, headers: { 'x-forwarded-for': '192.0.2.1' } })).status,
    ).toBe(200);
    for (const endpoint of guarded) {
      const status = await statusFor(key, endpoint, 'elsewhere', { 'x-forwarded-for': '198.51.100.1' });
      expect([endpoint.operationId, status]).toEqual([endpoint.operationId, 403]);
    }
  });
});

/** Lists that users page, of the owner and of another user: of which the first page does not hold all. */
const LISTS: Readonly<Record<string, readonly [ofOwner: () => string, ofOther: () => string]>> = {
  listWallets: [() => '/v1/wallets?', () => '/v1/wallets?'],
  listEntries: [() => `/v1/wallets/${owner.wallet}/entries?`, () => `/v1/wallets/${other.wallet}/entries?`],
  getStatement: [
    () => `/v1/statements?account=${owner.wallet}&${PERIOD}&`,
    () => `/v1/statements?account=${other.wallet}&${PERIOD}&`,
  ],
  listTransfers: [() => '/v1/transfers?', () => '/v1/transfers?'],
  listReversals: [
    () => `/v1/transfers/${things.transfer}/reversals?`,
    () => `/v1/transfers/${things.transfer}/reversals?`,
  ],
  listHolds: [() => `/v1/wallets/${owner.wallet}/holds?`, () => `/v1/wallets/${other.wallet}/holds?`],
  listNotifications: [() => '/v1/me/notifications?', () => '/v1/me/notifications?'],
  listOwnPayouts: [() => '/v1/me/payouts?', () => '/v1/me/payouts?'],
};

describe('a cursor of another user', () => {
  const paged = guarded.filter(({ access, query }) => ['user', 'either'].includes(access) && query?.shape.cursor);

  beforeAll(async () => {
    for (const _ of [1, 2]) {
      await made(owner.token, 'POST /v1/holds', order());
      await made(OPERATOR_KEY, `POST /v1/transfers/${things.transfer}/reversals`, { amount: '1' });
    }
  });

  it('a cursor of another user is tried on every list of users', () => {
    expect(Object.keys(LISTS).sort()).toEqual(paged.map(({ operationId }) => operationId).sort());
  });

  it.each(Object.entries(LISTS))('%s: a cursor of another user is refused', async (_operation, [ofOwner, ofOther]) => {
    const first = () => as(owner.token, `GET ${ofOwner()}limit=1`);
    await expect.poll(async () => (await first()).body.nextCursor, { timeout: 8_000 }).toEqual(expect.any(String));
    const cursor = (await first()).body.nextCursor;
    const reply = await as(other.token, `GET ${ofOther()}cursor=${cursor}`);
    expect(['invalid_cursor', 'transfer_not_found']).toContain(reply.body.code);
  });
});

describe('support', () => {
  it('support sees both sides of a transfer between others, and why a wallet of theirs cannot be frozen', async () => {
    const { body } = await as(support.token, `GET /v1/transfers/${things.transfer}`);
    expect(body).toMatchObject({ from: owner.wallet, to: payee.wallet });
    expect(body.fromBalance).not.toBeNull();
    const reply = await as(support.token, `POST /v1/accounts/${things.emptyAccount}/freeze`);
    expect([reply.status, reply.body.code]).toEqual([422, 'account_closed']);
  });

  it('support pays from its own wallets as any user does', async () => {
    await made(OPERATOR_KEY, 'POST /v1/deposits', { wallet: support.wallet, amount: '5', currency: 'USD' });
    const own = { from: support.wallet, to: payee.wallet, amount: '5', currency: 'USD' };
    expect((await as(support.token, 'POST /v1/transfers', own)).status).toBe(201);
    const dated = { ...own, effectiveAt: '2026-01-01T00:00:00Z' };
    expect((await as(support.token, 'POST /v1/transfers', dated)).status).toBe(403);
  });

  it('support is in the audit log with what it froze', async () => {
    await made(support.token, `POST /v1/wallets/${idle.wallet}/freeze`, { reason: 'Case 3' });
    await made(support.token, `POST /v1/wallets/${idle.wallet}/unfreeze`);
    const { body } = await as(OPERATOR_KEY, `GET /v1/audit-log?principal=user:${support.id}&subject=${idle.wallet}`);
    expect(body.data.slice(0, 2)).toMatchObject([
      { operation: 'unfreezeWallet', outcome: 'done' },
      { operation: 'freezeWallet', reason: 'Case 3', outcome: 'done' },
    ]);
  });

  it('support is granted and revoked while a token lives, on every server within three seconds', async () => {
    const second: RunningServer = await startServer(testConfig(server.databaseUrl));
    try {
      const user = await registerUser(server.url);
      const read = async (url: string) =>
        (await as(user.token, `GET /v1/accounts/${things.account}`, undefined, url)).status;
      expect([await read(server.url), await read(second.url)]).toEqual([403, 403]);
      await grant(user.id);
      expect(await read(server.url)).toBe(200);
      await expect.poll(() => read(second.url), { timeout: 3_000 }).toBe(200);
      expect((await grant(user.id)).status).toBe(200);
      const revoke = await as(OPERATOR_KEY, `POST /v1/users/${user.id}/roles/revoke`, { role: 'support' });
      expect(revoke.status).toBe(204);
      expect(await read(server.url)).toBe(403);
      await expect.poll(() => read(second.url), { timeout: 3_000 }).toBe(403);
    } finally {
      await second.close();
    }
  });

  it('support is granted by no key that lacks a scope of it, and to nobody who is not there', async () => {
    const scopes = ['roles:write', 'roles:read', 'accounts:read'];
    const { key } = await made(OPERATOR_KEY, 'POST /v1/api-keys', { name: 'weak', scopes });
    const target = `POST /v1/users/${other.id}/roles/grant`;
    expect((await as(key, target, { role: 'support' })).body.code).toBe('forbidden');
    expect((await as(OPERATOR_KEY, target, { role: 'operator' })).body.code).toBe('invalid_request');
    for (const id of [randomUUID(), 'nobody']) expect((await grant(id)).body.code).toBe('user_not_found');
    expect((await as(other.token, `GET /v1/accounts/${things.account}`)).status).toBe(403);
  });

  it('support is granted by no key for some networks or until some time, which the role would outlive', async () => {
    const key = async (name: string, limits: object) =>
      (await made(OPERATOR_KEY, 'POST /v1/api-keys', { name, scopes: [...SUPPORT_SCOPES, 'roles:write'], ...limits }))
        .key;
    const [near, brief, plain] = [
      await key('near', { networks: ['127.0.0.0/8'] }),
      await key('brief', { expiresAt: new Date(Date.now() + 3_600_000).toISOString() }),
      await key('plain', {}),
    ];
    const user = await registerUser(server.url);
    const change = async (token: string, action: string) =>
      (await as(token, `POST /v1/users/${user.id}/roles/${action}`, { role: 'support' })).status;
    expect([await change(near, 'grant'), await change(brief, 'grant')]).toEqual([403, 403]);
    expect((await as(user.token, 'GET /v1/accounts')).status).toBe(403);
    expect(await change(plain, 'grant')).toBe(200);
    expect([await change(near, 'revoke'), await change(brief, 'revoke')]).toEqual([204, 204]);
  });

  it('support is listed in pages, with who granted it', async () => {
    const users = await Promise.all([1, 2].map(() => registerUser(server.url)));
    for (const { id } of users) await grant(id);
    const first = (await as(OPERATOR_KEY, 'GET /v1/roles?limit=1')).body;
    const rest = (await as(OPERATOR_KEY, `GET /v1/roles?limit=200&cursor=${first.nextCursor}`)).body;
    const ids = [...first.data, ...rest.data].map(({ userId }: { userId: string }) => userId);
    expect(ids).toEqual([...ids].sort());
    expect(ids).toEqual(expect.arrayContaining([support.id, ...users.map(({ id }) => id)]));
    expect(first.data[0].grantedBy).toMatch(/^operator:/);
  });

  it('support is granted, listed and revoked by the command, which is in the audit log', async () => {
    const cli = (...words: string[]) =>
      startMicropay(words, { cwd: tmpdir(), environment: { DATABASE_URL: server.databaseUrl } }).result;
    const granted = await cli('roles', 'grant', other.email, '--reason', 'Ticket 5', '--json');
    expect([granted.exitCode, JSON.parse(granted.stdout)]).toMatchObject([0, { userId: other.id, role: 'support' }]);
    expect((await cli('roles', 'list')).stdout).toContain(other.id);
    expect((await cli('roles', 'revoke', other.id)).exitCode).toBe(0);
    expect(await cli('roles', 'revoke', 'nobody@example.com')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('user_not_found'),
    });
    expect((await cli('roles', 'promote', other.id)).exitCode).toBe(2);
    const { body } = await as(OPERATOR_KEY, `GET /v1/audit-log?subject=${other.id}`);
    expect(body.data.slice(0, 2)).toMatchObject([
      { operation: 'revokeRole', principal: expect.stringMatching(/^cli:/) },
      { operation: 'grantRole', reason: 'Ticket 5' },
    ]);
  });
});

it('a role goes with its user', async () => {
  const user = await registerUser(server.url);
  await grant(user.id);
  const client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  await client.query('delete from micropay.users where id = $1', [user.id]);
  const { rowCount } = await client.query('select from micropay.user_roles where user_id = $1', [user.id]);
  await client.end();
  expect(rowCount).toBe(0);
});
