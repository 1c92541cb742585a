import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { call, registerUser, type TestUser } from '../support/call.js';
import {
  codeOf,
  complete as completeAt,
  type Enrolled,
  enrol,
  freshCode,
  logIn as logInAt,
  wrongCodeOf,
} from '../support/second-factor.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import { OPERATOR_KEY, type TestServer } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

const NEW_PASSWORD = 'another correct horse battery';
const SOON = { timeout: 5_000 };

let smtp: TestSmtp;
let server: TestServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  ({ smtp, server, client, stop } = await startServerWithMail({ trustedProxies: 1 }));
});
afterAll(async () => {
  await stop?.();
});

let addresses = 0;
/** Each from an address of its own, so that only the limits of the user count. */
function elsewhere(): Record<string, string> {
  addresses += 1;
  return { 'x-forwarded-for': `10.1.${addresses >> 8}.${addresses & 255}` };
}
const send = (target: string, token: string | undefined, body?: unknown) =>
  call(server.url, target, { token, body, headers: elsewhere() });
const logIn = (user: Pick<TestUser, 'email' | 'password'>) => logInAt(server.url, user, elsewhere());
const complete = (challenge: string, code: string) => completeAt(server.url, challenge, code, elsewhere());
const list = async (token: string) => (await send('GET /v1/me/second-factors', token)).body;

async function enrolledUser(): Promise<TestUser & Enrolled> {
  const user = await registerUser(server.url);
  return { ...user, ...(await enrol(server.url, user)) };
}

async function challengeOf(user: Pick<TestUser, 'email' | 'password'>): Promise<string> {
  return (await logIn(user)).body.challenge;
}

/** As if the user had opened the link that came with the registration. */
const confirmEmail = ({ id }: TestUser) =>
  client.query('update micropay.users set email_verified_at = now() where id = $1', [id]);

async function resetPassword({ email }: Pick<TestUser, 'email'>): Promise<void> {
  await send('POST /v1/auth/password-resets', undefined, { email });
  const { text } = await mailAbout(email, 'Reset your password');
  const reset = { token: /#token=(\S+)$/m.exec(text)?.[1], password: NEW_PASSWORD };
  expect((await send('POST /v1/auth/password-resets/complete', undefined, reset)).status).toBe(204);
}

const mailAbout = (email: string, subject: string) =>
  vi.waitUntil(() => smtp.mails.find((mail) => mail.to === email && mail.subject === subject), SOON);

describe('an authenticator app', () => {
  it('an authenticator app counts from its first right code on', async () => {
    const user = await registerUser(server.url);
    const body = { password: user.password, name: 'Phone' };
    const enrolled = await send('POST /v1/me/second-factors/totp', user.token, body);
    expect(enrolled).toMatchObject({ status: 201, body: { expiresIn: 600 } });
    const { secret, uri } = enrolled.body;
    expect(uri).toContain(`otpauth://totp/MicroPay:${encodeURIComponent(user.email)}?`);
    expect(uri).toContain(`secret=${secret}`);
    expect((await logIn(user)).body.accessToken).toBeDefined();
    expect(await list(user.token)).toEqual({ data: [], recoveryCodesLeft: 0 });

    const confirm = (code: string) => send('POST /v1/me/second-factors/totp/confirm', user.token, { code });
    expect(await confirm(wrongCodeOf(secret))).toMatchObject({ status: 403, body: { code: 'code_wrong' } });
    const { status, body: confirmed } = await confirm(codeOf(secret));
    expect([status, confirmed.secondFactor]).toMatchObject([200, { kind: 'totp', name: 'Phone', lastUsedAt: null }]);
    expect(new Set(confirmed.recoveryCodes).size).toBe(10);
    expect(await list(user.token)).toEqual({ data: [confirmed.secondFactor], recoveryCodesLeft: 10 });
    await mailAbout(user.email, 'A second factor was added to your account');
    expect((await confirm(codeOf(secret))).body.code).toBe('second_factor_not_found');

    const login = await logIn(user);
    expect([login.status, login.body]).toEqual([
      200,
      { challenge: expect.stringMatching(/^mpc_/), methods: ['totp', 'recovery_code'], expiresIn: 300 },
    ]);
    const completed = await complete(login.body.challenge, await freshCode(client, { secret }));
    expect(completed).toMatchObject({ status: 200, body: { user: { id: user.id }, expiresIn: 600 } });
    expect((await send('GET /v1/me', completed.body.accessToken)).status).toBe(200);
    expect((await list(user.token)).data).toMatchObject([{ lastUsedAt: expect.any(String) }]);
  });

  it('an authenticator app is added by nobody who does not know the password', async () => {
    const user = await registerUser(server.url);
    const refused = await send('POST /v1/me/second-factors/totp', user.token, { password: 'a wrong password' });
    expect(refused).toMatchObject({ status: 403, body: { code: 'password_wrong' } });
  });

  it('an authenticator app that got no right code within ten minutes is forgotten', async () => {
    const user = await registerUser(server.url);
    const { password, token } = user;
    const { secret } = (await send('POST /v1/me/second-factors/totp', token, { password })).body;
    await client.query(
      `update micropay.second_factors set created_at = created_at - interval '11 minutes' where user_id = $1`,
      [user.id],
    );
    const confirmed = await send('POST /v1/me/second-factors/totp/confirm', token, { code: codeOf(secret) });
    expect(confirmed.body.code).toBe('second_factor_not_found');
  });

  it('an authenticator app on a new phone replaces the old one, and the recovery codes stay', async () => {
    const user = await enrolledUser();
    const next = await enrol(server.url, user);
    expect(next.recoveryCodes).toEqual([]);
    expect(await list(user.token)).toMatchObject({ data: [{ kind: 'totp' }], recoveryCodesLeft: 10 });
    const challenge = await challengeOf(user);
    expect((await complete(challenge, codeOf(user.secret))).body.code).toBe('code_wrong');
    expect((await complete(challenge, await freshCode(client, next))).status).toBe(200);
  });

  it('an authenticator app is removed with the password, and the recovery codes with it', async () => {
    const user = await enrolledUser();
    const stranger = await registerUser(server.url);
    const [{ id }] = (await list(user.token)).data;
    const remove = (by: TestUser, password = by.password, factor = id) =>
      send(`POST /v1/me/second-factors/${factor}/remove`, by.token, { password });
    expect((await remove(stranger)).body.code).toBe('second_factor_not_found');
    expect((await remove(user, 'a wrong password')).body.code).toBe('password_wrong');
    for (const factor of [randomUUID(), 'nothing']) {
      expect((await remove(user, user.password, factor)).body.code).toBe('second_factor_not_found');
    }
    expect((await logIn(user)).body.accessToken).toBeUndefined();
    expect((await remove(user)).status).toBe(204);
    expect(await list(user.token)).toEqual({ data: [], recoveryCodesLeft: 0 });
    expect((await logIn(user)).body.accessToken).toBeDefined();
    await mailAbout(user.email, 'A second factor was removed from your account');
  });
});

describe('a code', () => {
  it('a code is accepted once, also by two logins at once', async () => {
    const user = await enrolledUser();
    const challenges = await Promise.all(Array.from({ length: 4 }, () => challengeOf(user)));
    const code = await freshCode(client, user);
    const replies = await Promise.all(challenges.map((challenge) => complete(challenge, code)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 403, 403, 403]);
  });

  it('a code that confirmed the app does not complete a login', async () => {
    const user = await registerUser(server.url);
    const { secret } = (await send('POST /v1/me/second-factors/totp', user.token, { password: user.password })).body;
    const code = codeOf(secret);
    expect((await send('POST /v1/me/second-factors/totp/confirm', user.token, { code })).status).toBe(200);
    expect((await complete(await challengeOf(user), code)).body.code).toBe('code_wrong');
  });

  it('a code is accepted again by no clock that was set back: what came before the last one is over', async () => {
    const user = await enrolledUser();
    const { rows } = await client.query('select extract(epoch from now())::int / 30 as step');
    await client.query('update micropay.second_factors set last_step = $1 where user_id = $2', [
      rows[0].step + 100,
      user.id,
    ]);
    expect((await complete(await challengeOf(user), codeOf(user.secret))).body.code).toBe('code_wrong');
  });

  it.each([-1, 1])('a code is accepted from a clock that is %d steps wrong', async (steps) => {
    const user = await enrolledUser();
    await freshCode(client, user);
    const challenge = await challengeOf(user);
    // The first of them may meet the end of its half minute.
    const replies = [await complete(challenge, codeOf(user.secret, steps))];
    if (replies[0]?.status !== 200) replies.push(await complete(challenge, codeOf(user.secret, steps)));
    expect(replies.at(-1)?.status).toBe(200);
  });

  it('a code of another user is wrong', async () => {
    const [alice, bob] = [await enrolledUser(), await enrolledUser()];
    const challenge = await challengeOf(alice);
    expect((await complete(challenge, await freshCode(client, bob))).body.code).toBe('code_wrong');
    expect((await complete(challenge, String(bob.recoveryCodes[0]))).body.code).toBe('code_wrong');
    expect((await list(bob.token)).recoveryCodesLeft).toBe(10);
  });
});

describe('a recovery code', () => {
  it('a recovery code completes one login, however it is typed and however many send it at once', async () => {
    const user = await enrolledUser();
    const code = String(user.recoveryCodes[3]).toUpperCase().replaceAll('-', ' ');
    const challenges = await Promise.all(Array.from({ length: 3 }, () => challengeOf(user)));
    const replies = await Promise.all(challenges.map((challenge) => complete(challenge, code)));
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 403, 403]);
    expect((await list(user.token)).recoveryCodesLeft).toBe(9);
    const { text } = await mailAbout(user.email, 'A recovery code was used');
    expect(text).toContain('Codes that are left: 9.');
    expect(text).not.toContain(user.recoveryCodes[4]);
  });

  it('recovery codes are replaced with the password, and the old ones end', async () => {
    const user = await enrolledUser();
    const renew = (password: string, token = user.token) =>
      send('POST /v1/me/second-factors/recovery-codes', token, { password });
    expect((await renew('a wrong password')).body.code).toBe('password_wrong');
    const { recoveryCodes } = (await renew(user.password)).body;
    const { text } = await mailAbout(user.email, 'Your recovery codes were replaced');
    expect(text).not.toContain(recoveryCodes[0]);
    const challenge = await challengeOf(user);
    expect((await complete(challenge, String(user.recoveryCodes[0]))).body.code).toBe('code_wrong');
    expect((await complete(challenge, recoveryCodes[0])).status).toBe(200);
    const other = await registerUser(server.url);
    expect((await renew(other.password, other.token)).body.code).toBe('second_factor_not_found');
  });

  it('recovery codes and challenges are stored as hashes only', async () => {
    const user = await enrolledUser();
    const challenge = await challengeOf(user);
    const { rows } = await client.query(
      `select row_to_json(c)::text as row from micropay.recovery_codes c union all select row_to_json(l)::text from micropay.login_challenges l`,
    );
    const stored = rows.map(({ row }) => row).join('\n');
    for (const secret of [challenge, ...user.recoveryCodes]) {
      expect(stored).not.toContain(secret);
      expect(stored).not.toContain(Buffer.from(secret).toString('hex'));
      expect(stored).not.toContain(Buffer.from(secret.replaceAll('-', '')).toString('hex'));
    }
  });
});

describe('a login that waits for a second factor', () => {
  it('a login that waits for a second factor is completed once', async () => {
    const user = await enrolledUser();
    const challenge = await challengeOf(user);
    expect((await complete(challenge, await freshCode(client, user))).status).toBe(200);
    const again = await complete(challenge, await freshCode(client, user));
    expect(again).toMatchObject({ status: 422, body: { code: 'challenge_invalid' } });
  });

  it('a login that waits for a second factor ends after five minutes', async () => {
    const user = await enrolledUser();
    const challenge = await challengeOf(user);
    await client.query(
      `update micropay.login_challenges set expires_at = expires_at - interval '301 seconds' where user_id = $1`,
      [user.id],
    );
    expect((await complete(challenge, await freshCode(client, user))).body.code).toBe('challenge_invalid');
  });

  it('a login that waits for a second factor is no session', async () => {
    const challenge = await challengeOf(await enrolledUser());
    expect((await send('GET /v1/me', challenge)).status).toBe(401);
    expect((await send('POST /v1/auth/refresh', undefined, { refreshToken: challenge })).status).toBe(401);
  });

  it('a login that waits for a second factor ends when the password is changed', async () => {
    const user = await enrolledUser();
    const challenge = await challengeOf(user);
    const change = { currentPassword: user.password, newPassword: NEW_PASSWORD };
    expect((await send('POST /v1/me/password', user.token, change)).status).toBe(204);
    expect((await complete(challenge, await freshCode(client, user))).body.code).toBe('challenge_invalid');
  });

  it('a forgotten password that is reset ends it, and the second factor stays', async () => {
    const user = await enrolledUser();
    await confirmEmail(user);
    const challenge = await challengeOf(user);
    await resetPassword(user);
    expect((await complete(challenge, await freshCode(client, user))).body.code).toBe('challenge_invalid');
    const login = await logIn({ email: user.email, password: NEW_PASSWORD });
    expect(login.body.accessToken).toBeUndefined();
    expect((await complete(login.body.challenge, await freshCode(client, user))).status).toBe(200);
  });
});

describe('a password reset that is the first proof of the email', () => {
  it('a password reset that is the first proof of the email lets its owner in, whatever a stranger has added', async () => {
    const stranger = await enrolledUser();
    const challenge = await challengeOf(stranger);
    await resetPassword(stranger);
    await mailAbout(stranger.email, 'The second factors of your account were removed');
    expect((await complete(challenge, await freshCode(client, stranger))).body.code).toBe('challenge_invalid');
    const { body } = await logIn({ email: stranger.email, password: NEW_PASSWORD });
    expect(body.user.emailVerifiedAt).not.toBeNull();
    expect(await list(body.accessToken)).toEqual({ data: [], recoveryCodesLeft: 0 });
  });

  it('a password reset that is the first proof of the email says nothing of second factors that nobody had', async () => {
    const user = await registerUser(server.url);
    await resetPassword(user);
    await mailAbout(user.email, 'Your password was changed');
    const { rows } = await client.query('select from micropay.mails where user_id = $1', [user.id]);
    expect(rows).toEqual([]);
    expect(smtp.mails.filter(({ to, subject }) => to === user.email && /second factor/i.test(subject))).toEqual([]);
  });
});

describe('a new password', () => {
  const confirmEnrolment = (token: string, secret: string) =>
    send('POST /v1/me/second-factors/totp/confirm', token, { code: codeOf(secret) });
  const begin = async ({ token, password }: TestUser): Promise<string> =>
    (await send('POST /v1/me/second-factors/totp', token, { password })).body.secret;

  it('a new password ends the enrolment that was begun with the old one', async () => {
    const user = await registerUser(server.url);
    const secret = await begin(user);
    const change = { currentPassword: user.password, newPassword: NEW_PASSWORD };
    expect((await send('POST /v1/me/password', user.token, change)).status).toBe(204);
    expect((await confirmEnrolment(user.token, secret)).body.code).toBe('second_factor_not_found');
  });

  it('a new password ends it also after a forgotten one', async () => {
    const user = await enrolledUser();
    await confirmEmail(user);
    const secret = await begin(user);
    await resetPassword(user);
    const login = await logIn({ email: user.email, password: NEW_PASSWORD });
    const { accessToken } = (await complete(login.body.challenge, await freshCode(client, user))).body;
    expect((await confirmEnrolment(accessToken, secret)).body.code).toBe('second_factor_not_found');
    expect((await list(accessToken)).data).toHaveLength(1);
  });
});

it('a closed account leaves nothing of its second factors', async () => {
  const user = await enrolledUser();
  const challenge = await challengeOf(user);
  await complete(challenge, wrongCodeOf(user.secret));
  expect((await send('POST /v1/me/close', user.token, { password: user.password })).status).toBe(204);
  for (const table of ['second_factors', 'recovery_codes', 'login_challenges', 'wrong_codes']) {
    const { rowCount } = await client.query(`select from micropay.${table} where user_id = $1`, [user.id]);
    expect([table, rowCount]).toEqual([table, 0]);
  }
  expect((await complete(challenge, await freshCode(client, user))).body.code).toBe('challenge_invalid');
});

describe('an operator', () => {
  it('an operator sees the second factors of a user and removes them, with a reason, which is in the audit log', async () => {
    const user = await enrolledUser();
    const challenge = await challengeOf(user);
    const seen = await send(`GET /v1/users/${user.id}/second-factors`, OPERATOR_KEY);
    expect(seen).toMatchObject({ status: 200, body: { data: [{ kind: 'totp' }], recoveryCodesLeft: 10 } });
    expect(JSON.stringify(seen.body)).not.toContain(user.secret);
    const remove = (body: unknown) => send(`POST /v1/users/${user.id}/second-factors/remove`, OPERATOR_KEY, body);
    expect((await remove({})).body.code).toBe('invalid_request');
    expect((await remove({ reason: 'Ticket 1042' })).status).toBe(204);
    expect((await remove({ reason: 'Ticket 1042' })).status).toBe(204);
    const { body } = await send(`GET /v1/audit-log?subject=${user.id}`, OPERATOR_KEY);
    expect(body.data[0]).toMatchObject({
      operation: 'removeUserSecondFactors',
      reason: 'Ticket 1042',
      outcome: 'done',
    });
    expect((await complete(challenge, String(user.recoveryCodes[0]))).body.code).toBe('challenge_invalid');
    expect((await logIn(user)).body.accessToken).toBeDefined();
    await mailAbout(user.email, 'The second factors of your account were removed');
  });

  it.each([randomUUID(), 'nobody'])('an operator is told that %s is no user', async (id) => {
    const seen = await send(`GET /v1/users/${id}/second-factors`, OPERATOR_KEY);
    const removed = await send(`POST /v1/users/${id}/second-factors/remove`, OPERATOR_KEY, { reason: 'Ticket 1' });
    expect([seen.body.code, removed.body.code]).toEqual(['user_not_found', 'user_not_found']);
  });
});
