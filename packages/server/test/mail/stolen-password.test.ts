import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { call, registerUser, type TestUser } from '../support/call.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import type { TestServer } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

// Somebody else knows a user's password: once it is replaced, nothing that they began with it goes on.

const NEW_PASSWORD = 'another correct horse battery';
const SOON = { timeout: 5_000 };

let smtp: TestSmtp;
let server: TestServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  ({ smtp, server, client, stop } = await startServerWithMail());
});
afterAll(async () => {
  await stop?.();
});
afterEach(() => {
  smtp.answer = () => undefined;
});

const send = (target: string, token: string | undefined, body: unknown) => call(server.url, target, { token, body });
const login = ({ email, password }: Pick<TestUser, 'email' | 'password'>) =>
  send('POST /v1/auth/login', undefined, { email, password });

async function resetPassword(user: TestUser): Promise<void> {
  await send('POST /v1/auth/password-resets', undefined, { email: user.email });
  const link = await vi.waitUntil(
    () => smtp.mails.find(({ to, text }) => to === user.email && text.includes('/reset-password#'))?.text,
    SOON,
  );
  const token = /#token=(\S+)$/m.exec(link)?.[1];
  const { status } = await send('POST /v1/auth/password-resets/complete', undefined, { token, password: NEW_PASSWORD });
  expect(status).toBe(204);
}

it('a password reset ends the link by which a stranger would have replaced the email', async () => {
  const user = await registerUser(server.url);
  const strangers = `${randomUUID()}@example.com`;
  await send('POST /v1/me/email-changes', user.token, { email: strangers, password: user.password });
  const token = await smtp.tokenFor(strangers);
  await resetPassword(user);
  const completed = await send('POST /v1/auth/email-changes/complete', undefined, { token });
  expect(completed.body.code).toBe('link_invalid');
});

it('a password reset takes back the mail to a new email that could not be sent yet', async () => {
  const user = await registerUser(server.url);
  const strangers = `${randomUUID()}@example.com`;
  smtp.answer = ({ to }) => (to === strangers ? { responseCode: 451 } : undefined);
  await send('POST /v1/me/email-changes', user.token, { email: strangers, password: user.password });
  const token = await smtp.tokenFor(strangers);
  await resetPassword(user);
  const { rowCount } = await client.query('select from micropay.mails where recipient = $1', [strangers]);
  expect(rowCount).toBe(0);
  expect((await send('POST /v1/auth/email-changes/complete', undefined, { token })).body.code).toBe('link_invalid');
});

it('a login with a password that is being replaced waits, and is refused', async () => {
  const user = await registerUser(server.url);
  await client.query('begin');
  await client.query("update micropay.users set password_hash = 'replaced' where email = $1", [user.email]);
  let isAnswered = false;
  const answer = login(user).finally(() => {
    isAnswered = true;
  });
  await delay(300);
  expect(isAnswered).toBe(false);
  await client.query('commit');
  expect((await answer).body.code).toBe('invalid_credentials');
});
