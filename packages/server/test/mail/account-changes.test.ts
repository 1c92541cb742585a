import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { call, registerUser, type TestUser } from '../support/call.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import { OPERATOR_KEY, type TestServer, testConfig } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

const NEW_PASSWORD = 'another correct horse battery';

let smtp: TestSmtp;
let server: TestServer;
let strict: RunningServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  ({ smtp, server, client, stop } = await startServerWithMail({ trustedProxies: 1 }));
  strict = await startServer(testConfig(server.databaseUrl, { mail: smtp.settings, verifiedEmailRequired: true }));
});
afterAll(async () => {
  await strict?.close();
  await stop?.();
});

let addresses = 0;
const fromAnywhere = () => {
  addresses += 1;
  return { 'x-forwarded-for': `10.0.${addresses >> 8}.${addresses & 255}` };
};
const send = (target: string, token: string | undefined, body?: unknown) =>
  call(server.url, target, { token, body, headers: fromAnywhere() });
const login = (email: string, password: string) => send('POST /v1/auth/login', undefined, { email, password });
const isIn = async (token: string) => (await send('GET /v1/me', token)).status === 200;

/** Mails that are asked for one after the other may come in any order. */
const noticeTo = (email: string, notice: string) =>
  vi.waitUntil(() => smtp.mails.some(({ to, subject }) => to === email && subject === notice), { timeout: 5_000 });

async function verified(user: TestUser): Promise<TestUser> {
  const token = await smtp.tokenFor(user.email);
  expect((await send('POST /v1/auth/email-verifications/complete', undefined, { token })).status).toBe(204);
  return user;
}

describe('a password', () => {
  const change = (user: TestUser, currentPassword: string, newPassword = NEW_PASSWORD) =>
    send('POST /v1/me/password', user.token, { currentPassword, newPassword });

  it('a password is changed by who knows it: other sessions end, this one stays, and a notice is sent', async () => {
    const user = await registerUser(server.url);
    const other = (await login(user.email, user.password)).body;
    expect((await change(user, user.password)).status).toBe(204);
    expect([await isIn(user.token), await isIn(other.accessToken)]).toEqual([true, false]);
    expect((await login(user.email, user.password)).body.code).toBe('invalid_credentials');
    expect((await login(user.email, NEW_PASSWORD)).status).toBe(200);
    await noticeTo(user.email, 'Your password was changed');
  });

  it('a password is not changed by who only has a token, and guesses count as logins', async () => {
    const user = await registerUser(server.url);
    const guess = () =>
      call(server.url, 'POST /v1/me/password', {
        token: user.token,
        body: { currentPassword: 'a wrong password', newPassword: NEW_PASSWORD },
      });
    const replies = [];
    // The registration was the first of ten.
    for (let attempt = 2; attempt <= 11; attempt += 1) replies.push(await guess());
    expect(replies.map(({ body }) => body.code)).toEqual([...Array(9).fill('password_wrong'), 'rate_limited']);
    const { status } = await call(server.url, 'POST /v1/auth/login', {
      body: { email: user.email, password: user.password },
    });
    expect(status).toBe(429);
    expect((await login(user.email, user.password)).status).toBe(200);
  });

  it('a password is changed once by two requests at the same time', async () => {
    const user = await registerUser(server.url);
    const replies = await Promise.all([
      change(user, user.password, 'the first correct horse'),
      change(user, user.password, 'the second correct horse'),
    ]);
    expect(replies.map(({ status }) => status).sort()).toEqual([204, 403]);
  });

  it('a password is not changed to a weak one, and nothing else changes either', async () => {
    const user = await registerUser(server.url);
    const { status, body } = await change(user, user.password, `${user.email} 2027`);
    expect([status, body.code]).toEqual([422, 'password_weak']);
    expect((await login(user.email, user.password)).status).toBe(200);
  });

  it('a password that is changed ends the link for a forgotten one', async () => {
    const user = await registerUser(server.url);
    await smtp.mailTo(user.email);
    await send('POST /v1/auth/password-resets', undefined, { email: user.email });
    const token = await smtp.tokenFor(user.email, 2);
    await change(user, user.password);
    const { body } = await send('POST /v1/auth/password-resets/complete', undefined, {
      token,
      password: 'a third correct horse',
    });
    expect(body.code).toBe('link_invalid');
  });
});

describe('an email', () => {
  const request = (user: TestUser, email: string, password = user.password) =>
    send('POST /v1/me/email-changes', user.token, { email, password });
  const complete = (token: string) => send('POST /v1/auth/email-changes/complete', undefined, { token });
  const someone = () => `${randomUUID()}@example.com`;

  it('an email is changed once the new one is confirmed, and the former one is told', async () => {
    const user = await registerUser(server.url);
    const email = someone();
    expect((await request(user, email)).status).toBe(202);
    const token = await smtp.tokenFor(email);
    expect((await send('GET /v1/me', user.token)).body.email).toBe(user.email);
    expect((await complete(token)).status).toBe(204);
    expect((await send('GET /v1/me', user.token)).body).toMatchObject({ email, emailVerifiedAt: expect.any(String) });
    expect((await login(user.email, user.password)).status).toBe(401);
    expect((await login(email, user.password)).status).toBe(200);
    await noticeTo(user.email, 'Your email was changed');
    expect((await complete(token)).body.code).toBe('link_invalid');
  });

  it('an email is not changed without the password', async () => {
    const user = await registerUser(server.url);
    const email = someone();
    const { status, body } = await request(user, email, 'a wrong password');
    expect([status, body.code]).toEqual([403, 'password_wrong']);
    expect((await client.query('select from micropay.mails where recipient = $1', [email])).rowCount).toBe(0);
  });

  it('an email that somebody else has is answered as any other, and refused to who reads its mails', async () => {
    const [user, other] = [await registerUser(server.url), await registerUser(server.url)];
    await smtp.mailTo(other.email);
    const free = await request(user, someone());
    const taken = await request(user, other.email);
    expect([taken.status, taken.body]).toEqual([free.status, free.body]);
    const { body } = await complete(await smtp.tokenFor(other.email, 2));
    expect(body.code).toBe('email_taken');
    expect((await login(other.email, other.password)).body.user.id).toBe(other.id);
  });

  it('an email goes to one of two users who confirm it at the same time', async () => {
    const [one, two] = [await registerUser(server.url), await registerUser(server.url)];
    const email = someone();
    await request(one, email);
    await request(two, email);
    const tokens = [await smtp.tokenFor(email, 1), await smtp.tokenFor(email, 2)];
    const replies = await Promise.all(tokens.map(complete));
    expect(replies.map(({ status, body }) => body?.code ?? status).sort()).toEqual([204, 'email_taken']);
  });

  it('an email that is changed ends the links that went to the former one', async () => {
    const user = await registerUser(server.url);
    const verification = await smtp.tokenFor(user.email);
    await send('POST /v1/auth/password-resets', undefined, { email: user.email });
    const reset = await smtp.tokenFor(user.email, 2);
    const email = someone();
    await request(user, email);
    await complete(await smtp.tokenFor(email));
    const body = { token: reset, password: NEW_PASSWORD };
    expect((await send('POST /v1/auth/password-resets/complete', undefined, body)).body.code).toBe('link_invalid');
    const confirmed = await send('POST /v1/auth/email-verifications/complete', undefined, { token: verification });
    expect(confirmed.body.code).toBe('link_invalid');
  });
});

describe('where emails are to be confirmed', () => {
  const pay = (from: TestUser, to: string) =>
    call(strict.url, 'POST /v1/transfers', {
      token: from.token,
      key: randomUUID(),
      body: { from: from.wallet, to, amount: '1', currency: 'USD' },
    });

  it('where emails are to be confirmed, nobody pays or holds before, and everybody after, at once', async () => {
    const [alice, bob] = [await registerUser(server.url, { balance: 10n }), await registerUser(server.url)];
    expect(await pay(alice, bob.wallet)).toMatchObject({ status: 403, body: { code: 'email_unverified' } });
    const order = { from: alice.wallet, to: bob.wallet, amount: '1', currency: 'USD' };
    for (const [path, body] of [
      ['holds', order],
      ['transfers/batch', { transfers: [{ ...order, idempotencyKey: randomUUID() }] }],
      ['transfers/linked', { transfers: [order] }],
    ] as const) {
      const reply = await call(strict.url, `POST /v1/${path}`, { token: alice.token, key: randomUUID(), body });
      expect([path, reply.status, reply.body.code]).toEqual([path, 403, 'email_unverified']);
    }
    await verified(alice);
    expect((await pay(alice, bob.wallet)).status).toBe(201);
    // Operators are nobody whose email could be confirmed.
    const paid = await call(strict.url, 'POST /v1/transfers', { token: OPERATOR_KEY, key: randomUUID(), body: order });
    expect(paid.status).toBe(201);
  });

  it('where emails are to be confirmed, a payment does not go to an email that nobody has confirmed', async () => {
    const alice = await verified(await registerUser(server.url, { balance: 10n }));
    const bob = await registerUser(server.url);
    const [unconfirmed, unknown] = [await pay(alice, bob.email), await pay(alice, `${randomUUID()}@example.com`)];
    expect(unconfirmed.status).toBe(404);
    const said = ({ body }: typeof unknown) => ({ ...body, instance: undefined });
    expect(said(unconfirmed)).toEqual(said(unknown));
    await verified(bob);
    expect((await pay(alice, bob.email)).status).toBe(201);
  });
});

describe('the sessions of a user', () => {
  const sessionsOf = async (token: string) => (await send('GET /v1/me/sessions', token)).body.data;

  it('the sessions of a user are listed with their device, network and last use, this one marked', async () => {
    const user = await registerUser(server.url);
    const { body } = await call(server.url, 'POST /v1/auth/login', {
      body: { email: user.email, password: user.password },
      headers: {
        'x-forwarded-for': '2001:db8:1:2:3:4:5:6',
        'user-agent': 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
      },
    });
    const listed = await sessionsOf(user.token);
    expect(listed).toMatchObject([
      { device: 'Firefox on Linux', network: '2001:db8:1:2', current: false },
      { device: 'node', current: true },
    ]);
    await client.query(`update micropay.sessions set last_used_at = last_used_at - interval '1 hour'`);
    await call(server.url, 'POST /v1/auth/refresh', {
      body: { refreshToken: user.refreshToken },
      headers: { 'x-forwarded-for': '192.0.2.7' },
    });
    const [used] = await sessionsOf(body.accessToken);
    expect(used).toMatchObject({ device: 'node', network: '192.0.2.7', current: false });
  });

  it('the sessions of a user are ended one by one, at once, and may be ended again', async () => {
    const user = await registerUser(server.url);
    const other = (await login(user.email, user.password)).body.accessToken;
    const { id } = (await sessionsOf(user.token)).find(({ current }: { current: boolean }) => !current);
    for (let time = 1; time <= 2; time += 1) {
      expect((await send(`POST /v1/me/sessions/${id}/revoke`, user.token)).status).toBe(204);
    }
    expect([await isIn(user.token), await isIn(other)]).toEqual([true, false]);
    expect((await sessionsOf(user.token)).length).toBe(1);
  });

  it('the sessions of a user end all but this one', async () => {
    const user = await registerUser(server.url);
    const others = await Promise.all([1, 2].map(async () => (await login(user.email, user.password)).body.accessToken));
    expect((await send('POST /v1/me/sessions/revoke-others', user.token)).status).toBe(204);
    expect(await Promise.all([user.token, ...others].map(isIn))).toEqual([true, false, false]);
  });

  it('the sessions of a user are not those of others', async () => {
    const [user, other] = [await registerUser(server.url), await registerUser(server.url)];
    const [session] = await sessionsOf(other.token);
    for (const id of [session.id, randomUUID(), 'nonsense']) {
      const { status, body } = await send(`POST /v1/me/sessions/${id}/revoke`, user.token);
      expect([status, body.code]).toEqual([404, 'session_not_found']);
    }
    expect(await isIn(other.token)).toBe(true);
    expect((await sessionsOf(user.token)).length).toBe(1);
  });
});
