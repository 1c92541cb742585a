import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { call, registerUser, type TestUser } from '../support/call.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import { type TestServer, testConfig } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

const NEW_PASSWORD = 'another correct horse battery';
const SOON = { timeout: 5_000 };
/** Its first attempt has ended: the lease of an attempt is longer. */
const IS_PUT_OFF = `due_at between now() + interval '1 second' and now() + interval '1 minute'`;

let smtp: TestSmtp;
let server: TestServer;
let second: RunningServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  // Behind a proxy, so that each test has an address of its own.
  ({ smtp, server, client, stop } = await startServerWithMail({ trustedProxies: 1 }));
  second = await startServer(testConfig(server.databaseUrl, { mail: smtp.settings }));
});
afterAll(async () => {
  await second?.close();
  await stop?.();
});
afterEach(() => {
  smtp.answer = () => undefined;
});

let addresses = 0;
const fromAnywhere = () => {
  addresses += 1;
  return { 'x-forwarded-for': `10.0.0.${addresses % 250}` };
};

const request = (email: string) =>
  call(server.url, 'POST /v1/auth/password-resets', { body: { email }, headers: fromAnywhere() });
const complete = (token: string, password = NEW_PASSWORD, url = server.url) =>
  call(url, 'POST /v1/auth/password-resets/complete', { body: { token, password }, headers: fromAnywhere() });
const login = ({ email }: TestUser, password: string) =>
  call(server.url, 'POST /v1/auth/login', { body: { email, password }, headers: fromAnywhere() });

/** A user whose first mail, which confirms the email, has come: the next one is that of a reset. */
async function newUser(): Promise<TestUser> {
  const user = await registerUser(server.url);
  await smtp.mailTo(user.email);
  return user;
}

/** Makes what was asked for so far older. */
const passTime = (minutes: number) =>
  client.query(
    `update micropay.link_tokens set asked_at = asked_at - make_interval(mins => $1), expires_at = expires_at - make_interval(mins => $1)`,
    [minutes],
  );

describe('a forgotten password', () => {
  it('a forgotten password is replaced with the link of a mail, every session ends, and a notice is sent', async () => {
    const user = await newUser();
    expect((await request(user.email.toUpperCase())).status).toBe(202);
    const token = await smtp.tokenFor(user.email, 2);
    expect((await smtp.mailTo(user.email, 2)).text).toContain('https://app.example.com/reset-password#token=mpl_');
    const { status, body } = await complete(token);
    expect([status, body]).toEqual([204, undefined]);
    const me = await call(server.url, 'GET /v1/me', { token: user.token });
    expect([me.status, me.body.code]).toEqual([401, 'token_invalid']);
    const refreshed = await call(server.url, 'POST /v1/auth/refresh', { body: { refreshToken: user.refreshToken } });
    expect(refreshed.body.code).toBe('refresh_token_invalid');
    expect((await login(user, user.password)).body.code).toBe('invalid_credentials');
    const again = await login(user, NEW_PASSWORD);
    expect(again.status).toBe(200);
    // Who read the mail has the email.
    expect(again.body.user.emailVerifiedAt).not.toBeNull();
    const notice = await smtp.mailTo(user.email, 3);
    expect(notice.subject).toBe('Your password was changed');
    expect(notice.text).not.toContain('#token=');
  });

  it('a forgotten password is answered the same, body and time, whether somebody has the email', async () => {
    const user = await newUser();
    const timed = async (email: string) => {
      const startedAtMs = performance.now();
      const { status, body, headers } = await request(email);
      return { ms: performance.now() - startedAtMs, answer: [status, body, [...headers.keys()].sort()] };
    };
    const [known, unknown] = [[await timed(user.email)], [await timed(`${randomUUID()}@example.com`)]];
    // By turns, so that what slows the machine for a moment slows both.
    for (let turn = 1; turn <= 4; turn += 1) {
      known.push(await timed(user.email));
      unknown.push(await timed(`${randomUUID()}@example.com`));
    }
    const answers = [...known, ...unknown].map(({ answer }) => JSON.stringify(answer));
    expect(new Set(answers).size).toBe(1);
    const fastest = (times: readonly { readonly ms: number }[]) => Math.min(...times.map(({ ms }) => ms));
    expect(fastest(unknown) / fastest(known)).toBeGreaterThan(0.5);
    expect(fastest(unknown) / fastest(known)).toBeLessThan(2);
  });

  it('a forgotten password of nobody sends no mail, and leaves nothing behind', async () => {
    const email = `${randomUUID()}@example.com`;
    await request(email);
    const waiting = () => client.query('select from micropay.mails where recipient = $1', [email]);
    await expect.poll(async () => (await waiting()).rowCount, SOON).toBe(0);
    expect(smtp.mails.filter(({ to }) => to === email)).toEqual([]);
  });

  it('a forgotten password is asked for a few times a minute for each email, in the same words for everyone', async () => {
    const user = await newUser();
    const attempts = (email: string) =>
      Promise.all(
        Array.from({ length: 7 }, () =>
          call(server.url, 'POST /v1/auth/password-resets', {
            body: { email },
            headers: { 'x-forwarded-for': '10.1.0.1' },
          }),
        ),
      );
    for (const email of [user.email, `${randomUUID()}@example.com`]) {
      const replies = await attempts(email);
      expect(replies.map(({ status }) => status).sort()).toEqual([202, 202, 202, 202, 202, 429, 429]);
    }
    // One mail for all that were asked for within a minute.
    await smtp.mailTo(user.email, 2);
    await expect.poll(async () => (await client.query('select from micropay.mails')).rowCount, SOON).toBe(0);
    expect(smtp.mails.filter(({ to }) => to === user.email).length).toBe(2);
  });

  it('a server that sends no mail refuses to reset passwords, whoever asks', async () => {
    const mute = await startServer(testConfig(server.databaseUrl));
    const user = await newUser();
    for (const email of [user.email, 'nobody@example.com']) {
      const { status, body } = await call(mute.url, 'POST /v1/auth/password-resets', { body: { email } });
      expect([status, body.code]).toEqual([422, 'mail_off']);
    }
    await mute.close();
  });
});

describe('the link of a password reset', () => {
  const refused = { status: 422, body: { code: 'link_invalid' } };

  it('the link of a password reset works once, of several requests at the same time for one, on two servers', async () => {
    const user = await newUser();
    await request(user.email);
    const token = await smtp.tokenFor(user.email, 2);
    const passwords = [
      'the first correct horse',
      'the second correct horse',
      'the third correct horse',
      'a fourth correct horse',
    ];
    const replies = await Promise.all(
      passwords.map((password, index) => complete(token, password, index % 2 === 0 ? server.url : second.url)),
    );
    const [winner, ...others] = passwords.filter((_, index) => replies[index]?.status === 204);
    expect([typeof winner, others]).toEqual(['string', []]);
    expect((await login(user, String(winner))).status).toBe(200);
    expect(await complete(token)).toMatchObject(refused);
  });

  it('the link of a password reset still works when the password that was chosen is weak', async () => {
    const user = await newUser();
    await request(user.email);
    const token = await smtp.tokenFor(user.email, 2);
    expect(await complete(token, 'qwertyuiop12345')).toMatchObject({ status: 422, body: { code: 'password_weak' } });
    expect((await complete(token)).status).toBe(204);
  });

  it('the link of a password reset is stored as a hash alone', async () => {
    const user = await newUser();
    smtp.answer = () => ({ responseCode: 451 });
    await request(user.email);
    const token = await smtp.tokenFor(user.email, 2);
    const rows = [
      ...(await client.query('select row_to_json(m)::text as row from micropay.mails m')).rows,
      ...(await client.query('select row_to_json(l)::text as row from micropay.link_tokens l')).rows,
    ];
    expect(rows.length).toBeGreaterThan(1);
    expect(JSON.stringify(rows)).not.toContain(token);
    await client.query('delete from micropay.mails');
  });

  it('the link of a password reset is over after an hour', async () => {
    const user = await newUser();
    await request(user.email);
    const token = await smtp.tokenFor(user.email, 2);
    await passTime(61);
    expect(await complete(token)).toMatchObject(refused);
    expect((await login(user, user.password)).status).toBe(200);
  });

  it('the link of a password reset works when newer ones were sent, of which there are five within an hour, and ends them', async () => {
    const user = await newUser();
    await request(user.email);
    const first = await smtp.tokenFor(user.email, 2);
    for (let count = 3; count <= 6; count += 1) {
      await passTime(2);
      await request(user.email);
      await smtp.tokenFor(user.email, count);
    }
    await passTime(2);
    await request(user.email);
    await expect.poll(() => client.query('select from micropay.mails'), SOON).toMatchObject({ rowCount: 0 });
    const newest = await smtp.tokenFor(user.email, 6);
    expect(smtp.mails.filter(({ to }) => to === user.email)).toHaveLength(6);
    expect((await complete(first)).status).toBe(204);
    expect(await complete(newest)).toMatchObject(refused);
  });

  it('the link of a password reset works from each attempt of its mail, as any may have arrived', async () => {
    const user = await newUser();
    smtp.answer = () => ({ responseCode: 451 });
    await request(user.email);
    const first = await smtp.tokenFor(user.email, 2);
    smtp.answer = () => undefined;
    await vi.waitUntil(
      async () => (await client.query(`update micropay.mails set due_at = now() where ${IS_PUT_OFF}`)).rowCount === 1,
      SOON,
    );
    const again = await smtp.tokenFor(user.email, 3);
    expect(again).not.toBe(first);
    const [one, other] = await Promise.all([smtp.mailTo(user.email, 2), smtp.mailTo(user.email, 3)]);
    expect(other.messageId).toBe(one.messageId);
    expect((await complete(first)).status).toBe(204);
    expect(await complete(again)).toMatchObject(refused);
  });

  it('the link of a password reset is not changed into one for something else', async () => {
    const user = await registerUser(server.url);
    const token = await smtp.tokenFor(user.email);
    expect(await complete(token)).toMatchObject(refused);
    expect(await complete('mpl_nonsense')).toMatchObject(refused);
    // It was not used up.
    expect((await call(server.url, 'POST /v1/auth/email-verifications/complete', { body: { token } })).status).toBe(
      204,
    );
  });

  it('the link of a password reset that was asked for over an hour ago is not sent any more', async () => {
    const user = await newUser();
    smtp.answer = () => ({ responseCode: 451 });
    await request(user.email);
    await smtp.mailTo(user.email, 2);
    await vi.waitUntil(
      async () =>
        (
          await client.query(
            `update micropay.mails set created_at = now() - interval '61 minutes', due_at = now() where recipient = $1 and ${IS_PUT_OFF}`,
            [user.email],
          )
        ).rowCount === 1,
      SOON,
    );
    smtp.answer = () => undefined;
    await expect.poll(async () => (await client.query('select from micropay.mails')).rowCount, SOON).toBe(0);
    expect(smtp.mails.filter(({ to }) => to === user.email).length).toBe(2);
  });
});

describe('the confirmation of an email', () => {
  const verify = (token: string) => call(server.url, 'POST /v1/auth/email-verifications/complete', { body: { token } });
  const askAgain = ({ token }: TestUser) =>
    call(server.url, 'POST /v1/auth/email-verifications', { token, headers: fromAnywhere() });
  const verifiedAt = async ({ token }: TestUser) =>
    (await call(server.url, 'GET /v1/me', { token })).body.emailVerifiedAt;

  it('the confirmation of an email is sent at registration, and its link works once', async () => {
    const user = await registerUser(server.url);
    expect(await verifiedAt(user)).toBeNull();
    const token = await smtp.tokenFor(user.email);
    expect((await verify(token)).status).toBe(204);
    expect(await verifiedAt(user)).toMatch(/^\d{4}-/);
    expect(await verify(token)).toMatchObject({ status: 422, body: { code: 'link_invalid' } });
  });

  it('the confirmation of an email can be asked for again, and a confirmed one sends no mail', async () => {
    const user = await newUser();
    await passTime(2);
    expect((await askAgain(user)).status).toBe(202);
    const token = await smtp.tokenFor(user.email, 2);
    await verify(token);
    await passTime(2);
    expect((await askAgain(user)).status).toBe(202);
    await expect.poll(async () => (await client.query('select from micropay.mails')).rowCount, SOON).toBe(0);
    expect(smtp.mails.filter(({ to }) => to === user.email).length).toBe(2);
  });

  it('the confirmation of an email is not sent when its registration was refused', async () => {
    const email = `${randomUUID()}@example.com`;
    const body = { email, password: 'correct horse battery', currency: 'NOPE' };
    expect((await call(server.url, 'POST /v1/auth/register', { body })).body.code).toBe('unknown_currency');
    expect((await client.query('select from micropay.mails where recipient = $1', [email])).rowCount).toBe(0);
  });
});
