import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { type CryptoKey, exportSPKI, importJWK, SignJWT, UnsecuredJWT } from 'jose';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OidcSettings } from '../../src/oidc/oidc-settings.js';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { ROUTES } from '../../src/routes.js';
import { call, registerUser } from '../support/call.js';
import { AUDIENCE, startTestIssuer, type TestIssuer } from '../support/test-issuer.js';
import { OPERATOR_KEY, startTestServer, type TestServer, testConfig } from '../support/test-server.js';

let issuer: TestIssuer;
/** Takes passwords too. */
let server: TestServer;
/** The other server of the same ledger, which takes the issuer's tokens alone. */
let second: RunningServer;
let client: pg.Client;

/** Of the users of the issuer, by how their names begin. */
function claimsOf(subject: string): Record<string, unknown> {
  const name = subject.split('|')[0];
  if (name === 'verified') return { email: `${subject.split('|')[1]}@example.com`, email_verified: true };
  if (name === 'unverified') return { email: `${subject.split('|')[1]}@example.com`, email_verified: false };
  if (name === 'support') return { realm_access: { roles: ['offline', 'support'] } };
  return {};
}

const settings = (changes: Partial<OidcSettings> = {}): OidcSettings => ({
  mode: 'both',
  issuer: issuer.url,
  audience: AUDIENCE,
  tokenType: 'at+jwt',
  userClaim: 'sub',
  roleClaim: 'realm_access.roles',
  ...changes,
});

beforeAll(async () => {
  issuer = await startTestIssuer(claimsOf);
  server = await startTestServer({
    oidc: settings(),
    mail: { publicUrl: 'http://127.0.0.1:1' },
    verifiedEmailRequired: true,
  });
  second = await startServer(testConfig(server.databaseUrl, { oidc: settings({ mode: 'oidc' }) }));
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await second.close();
  await server.stop();
  await issuer.stop();
});

const me = (token: string, url = server.url) => call(url, 'GET /v1/me', { token });
const code = async (token: string, url = server.url) => {
  const { status, body } = await me(token, url);
  return status === 200 ? 'fine' : body.code;
};

describe('a user of another issuer', () => {
  it('a user of another issuer signs in with its access token, and finds a wallet', async () => {
    const { accessToken } = await issuer.signIn('verified|alice');
    const first = await me(accessToken);
    expect(first).toMatchObject({ status: 200, body: { email: 'alice@example.com', displayName: null } });
    const wallets = await call(server.url, 'GET /v1/wallets', { token: accessToken });
    expect(wallets.body.data).toMatchObject([{ currency: 'USD', name: 'usd', balance: '0' }]);
    const again = await issuer.signIn('verified|alice');
    expect((await me(again.accessToken, second.url)).body).toEqual(first.body);
    const events = await client.query(`select from micropay.events where subject = $1`, [first.body.id]);
    expect(events.rowCount).toBe(1);
  });

  it('a user of another issuer pays, and has no email to confirm here', async () => {
    const token = await issuer.token('payer');
    const [wallet] = (await call(server.url, 'GET /v1/wallets', { token })).body.data;
    const payee = await registerUser(server.url);
    const pay = { wallet: wallet.id, amount: '10', currency: 'USD' };
    await call(server.url, 'POST /v1/deposits', { token: OPERATOR_KEY, key: randomUUID(), body: pay });
    const body = { from: wallet.id, to: payee.wallet, amount: '10', currency: 'USD' };
    expect((await call(server.url, 'POST /v1/transfers', { token, key: randomUUID(), body })).status).toBe(201);
  });

  it('a user of another issuer who signs in first on two servers at once is made once', async () => {
    const subject = `rush|${randomUUID()}`;
    const tokens = await Promise.all(Array.from({ length: 5 }, () => issuer.token(subject)));
    const replies = await Promise.all(
      tokens.flatMap((token) => [server.url, second.url].map((url) => call(url, 'GET /v1/wallets', { token }))),
    );
    expect(replies.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(new Set(replies.map(({ body }) => body.data.map(({ id }: { id: string }) => id).join()))).toHaveLength(1);
    const { body } = await me(tokens[0] ?? '');
    const users = await client.query('select from micropay.events where subject = $1', [body.id]);
    expect(users.rowCount).toBe(1);
  });

  it('a user of another issuer never takes over a user with the same email', async () => {
    const local = await call(server.url, 'POST /v1/auth/register', {
      body: { email: 'bob@example.com', password: 'correct horse battery' },
    });
    const other = (await me(await issuer.token('verified|bob'))).body;
    expect(other.id).not.toBe(local.body.user.id);
    expect(other.email).toBeNull();
    expect((await me(local.body.accessToken)).body.email).toBe('bob@example.com');
    expect((await me(await issuer.token('unverified|carol'))).body.email).toBeNull();
  });

  it('a user of another issuer has no password to log in with', async () => {
    await me(await issuer.token('verified|dave'));
    for (const password of ['', 'null', 'correct horse battery']) {
      const { body } = await call(server.url, 'POST /v1/auth/login', { body: { email: 'dave@example.com', password } });
      expect(['invalid_credentials', 'invalid_request']).toContain(body.code);
    }
    // The answer is that to anybody; no link is made, as the mailbox must not open what the issuer guards.
    const reset = { email: 'dave@example.com' };
    expect((await call(server.url, 'POST /v1/auth/password-resets', { body: reset })).status).toBe(202);
    const waiting = `select from micropay.mails where recipient = 'dave@example.com'`;
    await expect.poll(async () => (await client.query(waiting)).rowCount, { timeout: 5_000 }).toBe(0);
    const links = await client.query(`select from micropay.link_tokens where email = 'dave@example.com'`);
    expect(links.rowCount).toBe(0);
    const taken = { email: 'dave@example.com', password: 'correct horse battery' };
    expect((await call(server.url, 'POST /v1/auth/register', { body: taken })).body.code).toBe('email_taken');
  });

  it('a user of another issuer is support while its token says so, and no longer', async () => {
    const read = async (token: string) => (await call(server.url, 'GET /v1/accounts', { token })).status;
    expect(await read(await issuer.token('support|sam'))).toBe(200);
    expect(await read(await issuer.token('support|sam', { realm_access: { roles: [] } }))).toBe(403);
    expect(await read(await issuer.token('user|tom', { realm_access: { roles: 'supporter' } }))).toBe(403);
  });

  it('a user of another issuer is looked up once for all requests that wait for it', async () => {
    const token = await issuer.token(`busy|${randomUUID()}`);
    await me(token);
    const waiting = async () => {
      const text = `select from pg_stat_activity where wait_event_type = 'Lock' and query like '%"identities"%'`;
      return (await client.query(text)).rowCount;
    };
    const blocker = new pg.Client({ connectionString: server.databaseUrl });
    await blocker.connect();
    await blocker.query('begin');
    await blocker.query('lock table micropay.identities in access exclusive mode');
    const replies = Promise.all(Array.from({ length: 10 }, () => me(token, second.url)));
    try {
      await expect.poll(waiting, { timeout: 3_000 }).toBeGreaterThan(0);
      await setTimeout(300);
      expect(await waiting()).toBe(1);
    } finally {
      await blocker.end();
    }
    expect((await replies).map(({ status }) => status)).toEqual(Array(10).fill(200));
  });

  it('a user of another issuer who has been closed is refused with every token, and not made again', async () => {
    const subject = `closed|${randomUUID()}`;
    const token = await issuer.token(subject);
    const { id } = (await me(token)).body;
    expect(await code(token, second.url)).toBe('fine');
    await client.query('delete from micropay.users where id = $1', [id]);
    for (const url of [server.url, second.url]) {
      await expect.poll(() => code(token, url), { timeout: 5_000 }).toBe('token_invalid');
      expect(await code(await issuer.token(subject), url)).toBe('token_invalid');
    }
  });
});

describe('a token that does not count', () => {
  const nowS = () => Math.floor(Date.now() / 1_000);
  const publicKey = async () => {
    const { d: _private, ...jwk } = issuer.privateJwk();
    return (await importJWK(jwk, 'ES256', { extractable: true })) as CryptoKey;
  };
  const rows: readonly [string, string, () => Promise<string>][] = [
    ['another audience', 'token_invalid', () => issuer.token('a', { aud: 'another-service' })],
    ['no audience', 'token_invalid', () => issuer.token('a', { aud: [] })],
    ['another issuer', 'token_invalid', () => issuer.token('a', { iss: 'https://evil.example.com' })],
    ['an issuer that differs by a slash', 'token_invalid', () => issuer.token('a', { iss: `${issuer.url}/` })],
    ['a time that is over', 'token_expired', () => issuer.token('a', { exp: nowS() - 10 })],
    ['no end', 'token_invalid', () => issuer.token('a', { exp: undefined as unknown as number })],
    ['a time that is to come', 'token_invalid', () => issuer.token('a', { nbf: nowS() + 60 })],
    ['no user', 'token_invalid', () => issuer.token('a', { sub: '' })],
    ['a user who is no text', 'token_invalid', () => issuer.token('a', { sub: 7 as unknown as string })],
    ['a name of a user without end', 'token_invalid', () => issuer.token('a'.repeat(300))],
    ['another type', 'token_invalid', () => issuer.token('a', {}, { typ: 'JWT' })],
    ['a key that nobody has', 'token_invalid', () => issuer.token('a', {}, { kid: randomUUID() })],
    ['one part too many', 'token_invalid', () => issuer.token('a').then((token) => `e30.${token}`)],
    ['an ID token', 'token_invalid', async () => (await issuer.signIn('a')).idToken],
    [
      'a changed claim',
      'token_invalid',
      async () => {
        const [header, , signature] = (await issuer.token('a')).split('.');
        const [, payload] = (await issuer.token('b')).split('.');
        return [header, payload, signature].join('.');
      },
    ],
    [
      'no signature',
      'token_invalid',
      async () =>
        new UnsecuredJWT({ sub: 'a' }).setIssuer(issuer.url).setAudience(AUDIENCE).setExpirationTime('1m').encode(),
    ],
    [
      'the public key for a secret',
      'token_invalid',
      async () =>
        new SignJWT({ sub: 'a' })
          .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: issuer.privateJwk().kid ?? '' })
          .setIssuer(issuer.url)
          .setAudience(AUDIENCE)
          .setExpirationTime('1m')
          .sign(Buffer.from(await exportSPKI(await publicKey()))),
    ],
  ];

  it.each(rows)('a token with %s is refused with %s', async (_name, expected, make) => {
    const token = await make();
    expect(await code(token)).toBe(expected);
    expect(await code(token, second.url)).toBe(expected);
    // Nobody was made by it.
    expect((await me(token)).headers.get('www-authenticate')).toMatch(
      /^Bearer realm="micropay", error="invalid_token"/,
    );
  });

  it('a token for another ledger is refused where the issuer is one of many ledgers', async () => {
    const oidc = settings({ ledgerClaim: 'https://pay.example.com/ledgers' });
    const one = await startServer(testConfig(server.databaseUrl, { oidc }));
    try {
      const token = (ledgers: unknown) => issuer.token('a', { 'https://pay.example.com/ledgers': ledgers });
      expect(await code(await token(['test', 'main']), one.url)).toBe('fine');
      expect(await code(await token('main'), one.url)).toBe('fine');
      expect(await code(await token(['test']), one.url)).toBe('token_invalid');
      expect(await code(await issuer.token('a'), one.url)).toBe('token_invalid');
    } finally {
      await one.close();
    }
  });

  it('an ID token is told from an access token where both have the type JWT', async () => {
    const one = await startServer(testConfig(server.databaseUrl, { oidc: settings({ tokenType: 'JWT' }) }));
    try {
      const token = (claims: Record<string, unknown>) => issuer.token('a', claims, { typ: 'JWT' });
      expect(await code(await token({ typ: 'Bearer' }), one.url)).toBe('fine');
      for (const claims of [{ typ: 'ID' }, { typ: 'Refresh' }, { nonce: 'n' }, { at_hash: 'h' }]) {
        expect(await code(await token(claims), one.url)).toBe('token_invalid');
      }
    } finally {
      await one.close();
    }
  });
});

describe('AUTH_MODE', () => {
  it('AUTH_MODE=oidc registers nobody and takes no passwords, and says so', async () => {
    const local = ROUTES.map(({ endpoint }) => endpoint).filter(({ path }) => path.startsWith('/v1/auth/'));
    expect(local.length).toBeGreaterThan(3);
    const token = await issuer.token('a');
    for (const { path } of local) {
      const reply = await call(second.url, `POST ${path}`, { token, body: {} });
      expect([path, reply.status, reply.body.code]).toEqual([path, 403, 'local_sign_in_off']);
    }
  });

  it('AUTH_MODE=oidc refuses the tokens of this server, and takes API keys', async () => {
    const user = await registerUser(server.url);
    expect(await code(user.token)).toBe('fine');
    expect(await code(user.token, second.url)).toBe('token_invalid');
    expect((await call(second.url, 'GET /v1/ledger', { token: OPERATOR_KEY })).status).toBe(200);
  });

  it('AUTH_MODE=both asks users of the issuer for no second factor, and lets them add none', async () => {
    const token = await issuer.token('a-user-of-the-issuer');
    const enrolled = await call(server.url, 'POST /v1/me/second-factors/totp', { token, body: { password: 'any' } });
    expect([enrolled.status, enrolled.body.code]).toEqual([403, 'password_wrong']);
    const { body } = await call(server.url, 'GET /v1/me/second-factors', { token });
    expect(body).toEqual({ data: [], recoveryCodesLeft: 0 });
  });

  it('AUTH_MODE=local takes no token of another issuer', async () => {
    const local = await startServer(testConfig(server.databaseUrl));
    expect(await code(await issuer.token('a'), local.url)).toBe('token_invalid');
    await local.close();
  });
});
