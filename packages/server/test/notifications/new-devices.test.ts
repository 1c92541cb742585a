import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { MAILS_PER_HOUR } from '../../src/notifications/sink/notification-sink.js';
import { call, registerUser, type TestUser } from '../support/call.js';
import { complete, enrol } from '../support/second-factor.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import type { TestServer } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0';
const CHROME = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36';
const HOME = '192.0.2.17';
const SUBJECT = 'A sign-in from a new device';
const NEW_PASSWORD = 'another correct horse battery';
const SOON = { timeout: 10_000 };

let smtp: TestSmtp;
let server: TestServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  // Sign-ins are told although movements of money are not.
  ({ smtp, server, client, stop } = await startServerWithMail({ trustedProxies: 1, notifications: false }));
});
afterAll(async () => {
  await stop?.();
});
afterEach(() => {
  smtp.answer = () => undefined;
});

/** A user who has confirmed the email, and registered at this machine by a program called `node`. */
async function someone(): Promise<TestUser> {
  const user = await registerUser(server.url);
  await client.query('update micropay.users set email_verified_at = now() where id = $1', [user.id]);
  return user;
}

async function logIn({ email, password }: TestUser, { agent = FIREFOX, address = HOME } = {}) {
  const headers = { 'user-agent': agent, 'x-forwarded-for': address };
  const reply = await call(server.url, 'POST /v1/auth/login', { body: { email, password }, headers });
  expect(reply.status).toBe(200);
  return reply.body;
}

const inbox = async ({ token }: TestUser) => (await call(server.url, 'GET /v1/me/notifications', { token })).body.data;
const prefer = ({ token }: TestUser, body: object) =>
  call(server.url, 'PATCH /v1/me/notification-preferences', { token, body });
const mailsTo = ({ email }: TestUser) => smtp.mails.filter(({ to }) => to === email);
const noticesTo = (user: TestUser) => mailsTo(user).filter(({ subject }) => subject === SUBJECT);
/** Waits until every mail that was asked for has been sent. */
const allSent = () => vi.waitUntil(async () => (await client.query('select from micropay.mails')).rowCount === 0, SOON);

describe('a sign-in', () => {
  it('a sign-in from a new device is told in the inbox and by mail, once', async () => {
    const user = await someone();
    await logIn(user);
    const [told] = await inbox(user);
    expect(told).toMatchObject({
      type: 'new_device',
      title: SUBJECT,
      text: expect.stringContaining(`Firefox on Linux signed in to your account from ${HOME}.`),
      movement: null,
      signIn: { device: 'Firefox on Linux', network: HOME },
      readAt: null,
    });
    await vi.waitUntil(() => noticesTo(user)[0], SOON);
    expect(noticesTo(user)[0]?.text).toContain('change your password at once');
    await logIn(user);
    await logIn(user);
    expect(await inbox(user)).toHaveLength(1);
    const news = "select data from micropay.events where type = 'user.notified.v1' and data -> 'userIds' ? $1";
    expect((await client.query(news, [user.id])).rows).toEqual([{ data: { userIds: [user.id] } }]);
    const read = await call(server.url, `POST /v1/me/notifications/${told.id}/read`, { token: user.token });
    expect(read.body).toMatchObject({ id: told.id, signIn: told.signIn, readAt: expect.any(String) });
  });

  it('a sign-in is new with another program in the same place, and with the same program in another place', async () => {
    const user = await someone();
    await logIn(user);
    await logIn(user, { agent: CHROME });
    await logIn(user, { address: '198.51.100.1' });
    await logIn(user, { agent: CHROME, address: '2001:db8::1' });
    await logIn(user, { agent: CHROME, address: '2001:db8::2' });
    const told = (await inbox(user)).map(({ signIn }: { signIn: object }) => signIn);
    expect(told).toEqual([
      { device: 'Chrome on Windows', network: expect.stringMatching(/^2001:db8:/) },
      { device: 'Firefox on Linux', network: '198.51.100.1' },
      { device: 'Chrome on Windows', network: HOME },
      { device: 'Firefox on Linux', network: HOME },
    ]);
  });

  it('a sign-in from where the user registered is told to nobody, and nor is one that was refused', async () => {
    const user = await someone();
    const { email, password } = user;
    expect((await call(server.url, 'POST /v1/auth/login', { body: { email, password } })).status).toBe(200);
    const wrong = { body: { email, password: 'a wrong password' }, headers: { 'user-agent': CHROME } };
    expect((await call(server.url, 'POST /v1/auth/login', wrong)).status).toBe(401);
    expect(await inbox(user)).toEqual([]);
  });

  it('a sign-in of a program that says nothing of itself has no device', async () => {
    const user = await someone();
    await logIn(user, { agent: '' });
    expect(await inbox(user)).toMatchObject([{ signIn: { device: null, network: HOME } }]);
  });

  it('a sign-in from one new device is told once, however many there are at once', async () => {
    const user = await someone();
    await Promise.all([1, 2, 3, 4].map(() => logIn(user)));
    expect(await inbox(user)).toHaveLength(1);
  });

  it('a sign-in with a second factor is told when it is completed', async () => {
    const user = await someone();
    const { recoveryCodes } = await enrol(server.url, user);
    const { challenge } = await logIn(user);
    expect(await inbox(user)).toEqual([]);
    const headers = { 'user-agent': FIREFOX, 'x-forwarded-for': HOME };
    expect((await complete(server.url, challenge, String(recoveryCodes[0]), headers)).status).toBe(200);
    expect(await inbox(user)).toMatchObject([{ type: 'new_device', signIn: { device: 'Firefox on Linux' } }]);
  });
});

describe('a session that has ended', () => {
  const from = (agent: string) => ({ 'user-agent': agent, 'x-forwarded-for': HOME });
  const send = async (target: string, { token, body }: { token?: string; body?: unknown }) => {
    const reply = await call(server.url, target, { token, body, headers: from(FIREFOX) });
    expect(reply.status, JSON.stringify(reply.body)).toBeLessThan(300);
    return reply.body;
  };
  const refresh = (refreshToken: string) => send('POST /v1/auth/refresh', { body: { refreshToken } });
  const logOut = (refreshToken: string) => send('POST /v1/auth/logout', { body: { refreshToken } });
  const changePassword = ({ token, password }: TestUser) =>
    send('POST /v1/me/password', { token, body: { currentPassword: password, newPassword: NEW_PASSWORD } });
  /** A user who has signed in at home, and been told. */
  async function atHome(): Promise<{ user: TestUser; session: { refreshToken: string } }> {
    const user = await someone();
    const session = await logIn(user);
    expect(await inbox(user)).toHaveLength(1);
    return { user, session };
  }
  /** How often a user was told, once they have signed in at home again. */
  async function toldAgain(user: TestUser, password = user.password): Promise<number> {
    const { accessToken } = await logIn({ ...user, password });
    return (await inbox({ ...user, token: accessToken })).length;
  }

  it('a session that has ended by a logout makes its device known, and so does one that has expired', async () => {
    const { user, session } = await atHome();
    await logOut(session.refreshToken);
    expect(await toldAgain(user)).toBe(1);
    await client.query('update micropay.refresh_tokens set expires_at = now()');
    expect(await toldAgain(user)).toBe(1);
  });

  it('a session that has ended by a new password makes no device known', async () => {
    const { user } = await atHome();
    await changePassword(user);
    expect(await toldAgain(user, NEW_PASSWORD)).toBe(2);
  });

  it('a session that has ended before the new password makes none known either', async () => {
    const { user, session } = await atHome();
    await logOut(session.refreshToken);
    await changePassword(user);
    expect(await toldAgain(user, NEW_PASSWORD)).toBe(2);
  });

  it('a session that has ended by a reset of the password makes no device known', async () => {
    const { user } = await atHome();
    await send('POST /v1/auth/password-resets', { body: { email: user.email } });
    const link = await vi.waitUntil(() => mailsTo(user).find(({ text }) => text.includes('/reset-password#')), SOON);
    const token = /#token=(\S+)$/m.exec(link.text)?.[1];
    await send('POST /v1/auth/password-resets/complete', { body: { token, password: NEW_PASSWORD } });
    expect(await toldAgain(user, NEW_PASSWORD)).toBe(2);
  });

  it('a session that has ended by its revocation makes no device known', async () => {
    const { user } = await atHome();
    const { data } = await send('GET /v1/me/sessions', { token: user.token });
    const { id } = data.find(({ device }: { device: string | null }) => device === 'Firefox on Linux');
    await send(`POST /v1/me/sessions/${id}/revoke`, { token: user.token });
    expect(await toldAgain(user)).toBe(2);
    await send('POST /v1/me/sessions/revoke-others', { token: user.token });
    expect(await toldAgain(user)).toBe(3);
  });

  it('a session that has ended by a refresh token that came twice makes no device known', async () => {
    const { user, session } = await atHome();
    const { refreshToken } = await refresh(session.refreshToken);
    await refresh(refreshToken);
    const body = { refreshToken: session.refreshToken };
    const reused = await call(server.url, 'POST /v1/auth/refresh', { body, headers: from(FIREFOX) });
    expect(reused.body.code).toBe('refresh_token_reused');
    expect(await toldAgain(user)).toBe(2);
  });
});

describe('the mail of a sign-in', () => {
  it('the mail of a sign-in is sent although the stranger of whom it warns has turned it off', async () => {
    const user = await someone();
    smtp.answer = ({ to, subject }) => (to === user.email && subject === SUBJECT ? { responseCode: 451 } : undefined);
    const { accessToken: token } = await logIn(user);
    await vi.waitUntil(() => noticesTo(user)[0], SOON);
    await prefer({ ...user, token }, { language: 'de', types: { new_device: { mail: false } } });
    await client.query('update micropay.users set email = $1 where id = $2', [`strangers-${user.email}`, user.id]);
    smtp.answer = () => undefined;
    const isPutOff = `attempts = 1 and due_at < now() + interval '1 minute'`;
    const due = () =>
      client.query(`update micropay.mails set due_at = now() where recipient = $1 and ${isPutOff}`, [user.email]);
    await vi.waitUntil(async () => (await due()).rowCount === 1, SOON);
    await vi.waitUntil(() => noticesTo(user)[1], SOON);
    await allSent();
  });

  it('the mail of a sign-in is sent to a user who has got all mails about money of the hour', async () => {
    const user = await someone();
    await client.query(
      `insert into micropay.notifications (ledger, id, user_id, type, happened_at, data, in_inbox, mailed)
        select 'main', gen_random_uuid(), $1, 'money_in', now(), '{}', false, true from generate_series(1, $2)`,
      [user.id, MAILS_PER_HOUR],
    );
    await logIn(user);
    await vi.waitUntil(() => noticesTo(user)[0], SOON);
  });
});

describe('a preference', () => {
  it('a preference keeps it out of the mail, out of the inbox, or out of both', async () => {
    const [inInbox, byMail, not] = [await someone(), await someone(), await someone()];
    await prefer(inInbox, { types: { new_device: { mail: false } } });
    await prefer(byMail, { types: { new_device: { inbox: false } } });
    await prefer(not, { types: { new_device: { inbox: false, mail: false } } });
    for (const user of [inInbox, byMail, not]) await logIn(user);
    await vi.waitUntil(() => noticesTo(byMail)[0], SOON);
    await allSent();
    const told = async (user: TestUser) => [(await inbox(user)).length, noticesTo(user).length];
    expect([await told(inInbox), await told(byMail), await told(not)]).toEqual([
      [1, 0],
      [0, 1],
      [0, 0],
    ]);
  });

  it('a preference says the language of it', async () => {
    const user = await someone();
    await prefer(user, { language: 'de' });
    await logIn(user);
    expect(await inbox(user)).toMatchObject([{ title: 'Anmeldung mit einem neuen Gerät' }]);
  });
});

it('an email that was not confirmed gets no mail of it', async () => {
  const user = await registerUser(server.url);
  await logIn(user);
  await allSent();
  expect([(await inbox(user)).length, noticesTo(user)]).toEqual([1, []]);
});

it('more sign-ins than mails in an hour are in the inbox alone', async () => {
  const user = await someone();
  for (let count = 0; count < MAILS_PER_HOUR + 2; count += 1) await logIn(user, { address: `203.0.113.${count}` });
  await vi.waitUntil(() => noticesTo(user).length === MAILS_PER_HOUR, SOON);
  await allSent();
  expect([(await inbox(user)).length, noticesTo(user).length]).toEqual([MAILS_PER_HOUR + 2, MAILS_PER_HOUR]);
});
