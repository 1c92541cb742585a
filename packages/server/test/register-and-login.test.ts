import { createHash, randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RATE_LIMITS_DEFAULT } from '../src/throttling/rate-limit-settings.js';
import { call, registerUser } from './support/call.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;
let client: pg.Client;

beforeAll(async () => {
  server = await startTestServer();
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

const register = (body: Record<string, unknown>) => call(server.url, 'POST /v1/auth/register', { body });
const login = (email: string, password: string) =>
  call(server.url, 'POST /v1/auth/login', { body: { email, password } });

/** Ids of users that events name and that do not exist. */
async function eventsOfUnknownUsers(): Promise<readonly string[]> {
  const { rows } = await client.query<{ subject: string }>(
    `select subject from micropay.events where type = 'user.created.v1' and subject not in (select id from micropay.users)`,
  );
  return rows.map(({ subject }) => subject);
}

describe('registration', () => {
  it('registration makes a user with a first wallet and logs in', async () => {
    const email = `Mixed.Case-${randomUUID()}@Example.com`;
    const { status, body } = await register({
      email,
      password: 'battery staple horse',
      displayName: 'Zoë 🦊',
      currency: 'JPY',
    });
    expect(status).toBe(201);
    expect(body).toMatchObject({
      user: { email: email.toLowerCase(), displayName: 'Zoë 🦊' },
      wallet: { name: 'jpy', currency: 'JPY', status: 'open', balance: '0', available: '0' },
      expiresIn: 600,
    });
    const me = await call(server.url, 'GET /v1/me', { token: body.accessToken });
    expect(me.body).toEqual(body.user);
  });

  it('registration writes the event of the user and that of the wallet with them, and no personal data', async () => {
    const { id, wallet } = await registerUser(server.url);
    const { rows } = await client.query(
      'select type, subject, data from micropay.events where subject in ($1, $2) order by position',
      [id, wallet],
    );
    expect(rows).toMatchObject([
      { type: 'user.created.v1', subject: id, data: { userId: id } },
      { type: 'account.opened.v1', subject: wallet },
    ]);
    expect(Object.keys(rows[0].data)).toEqual(['userId']);
  });

  it('registration takes an email once, whatever its case', async () => {
    const { email } = await registerUser(server.url);
    const { status, body } = await register({ email: email.toUpperCase(), password: 'another password of mine' });
    expect([status, body.code]).toEqual([409, 'email_taken']);
  });

  it('registration gives one of two at the same time the email', async () => {
    const email = `${randomUUID()}@example.com`;
    const replies = await Promise.all([1, 2, 3].map(() => register({ email, password: 'battery staple horse' })));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  it('registration leaves no user behind when the wallet cannot be opened', async () => {
    const email = `${randomUUID()}@example.com`;
    const refused = await register({ email, password: 'battery staple horse', currency: 'NOPE' });
    expect([refused.status, refused.body.code]).toEqual([422, 'unknown_currency']);
    const { rowCount } = await client.query('select 1 from micropay.users where email = $1', [email]);
    expect(rowCount).toBe(0);
    expect(await eventsOfUnknownUsers()).toEqual([]);
    expect((await register({ email, password: 'battery staple horse' })).status).toBe(201);
  });

  it('registration stores passwords and tokens as hashes only', async () => {
    const user = await registerUser(server.url);
    const { rows } = await client.query(
      `select password_hash, token_hash from micropay.users
         join micropay.sessions on user_id = users.id join micropay.refresh_tokens on session_id = sessions.id
       where email = $1`,
      [user.email],
    );
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(rows[0].token_hash).toEqual(createHash('sha256').update(user.refreshToken).digest());
  });
});

describe('login', () => {
  it('login answers the user and new tokens', async () => {
    const user = await registerUser(server.url);
    const { status, body, headers } = await login(user.email, user.password);
    expect([status, body.user.id, body.wallet]).toEqual([200, user.id, undefined]);
    expect(headers.get('ratelimit-policy')).toBe('"login";q=10;w=60');
  });

  it.each([
    ['a wrong password', async () => login((await registerUser(server.url)).email, 'wrong password')],
    ['an unknown email', () => login(`${randomUUID()}@example.com`, 'wrong password')],
  ])('login refuses %s in the same words', async (_name, attempt) => {
    const { status, body } = await attempt();
    expect([status, body.code, body.detail]).toEqual([
      401,
      'invalid_credentials',
      'the email or the password is wrong',
    ]);
  });

  it('login takes as long for an email that nobody has', async () => {
    const { email } = await registerUser(server.url);
    const timeOf = async (address: string) => {
      const startedAt = performance.now();
      await login(address, 'wrong password');
      return performance.now() - startedAt;
    };
    const known: number[] = [];
    const unknown: number[] = [];
    // By turns, so that what slows the machine for a moment slows both.
    for (let turn = 1; turn <= 5; turn += 1) {
      known.push(await timeOf(email));
      unknown.push(await timeOf(`${randomUUID()}@example.com`));
    }
    // Without the hash an answer takes a tenth of the time.
    expect(Math.min(...unknown)).toBeGreaterThan(Math.min(...known) / 4);
  });

  it('login is limited for each email', async () => {
    const email = `${randomUUID()}@example.com`;
    const replies = [];
    for (let attempt = 1; attempt <= 11; attempt += 1) replies.push(await login(email, 'wrong password'));
    expect(replies.slice(0, 10).every(({ status }) => status === 401)).toBe(true);
    const last = replies[10];
    expect([last?.status, last?.body.code]).toEqual([429, 'rate_limited']);
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(last?.headers.get('ratelimit')).toMatch(/^"login";r=0;t=\d+$/);
    expect((await login(`${randomUUID()}@example.com`, 'wrong password')).status).toBe(401);
  });

  it('login and registration are limited for each network address, whatever the email', async () => {
    const busy = await startTestServer({
      trustedProxies: 1,
      rateLimits: { ...RATE_LIMITS_DEFAULT, addressSignIns: 10 },
    });
    const attempt = (path: string, address: string) =>
      call(busy.url, `POST /v1/auth/${path}`, {
        body: { email: `${randomUUID()}@example.com`, password: 'correct horse battery' },
        headers: { 'x-forwarded-for': address },
      });
    const paths = Array.from({ length: 40 }, (_, index) => (index < 30 ? 'login' : 'register'));
    const replies = await Promise.all(paths.map((path) => attempt(path, '192.0.2.1')));
    const refused = replies.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(20);
    expect(refused[0]?.headers.get('ratelimit-policy')).toBe('"login-address";q=10;w=60');
    expect((await attempt('register', '192.0.2.2')).status).toBe(201);
    await busy.stop();
  });
});
