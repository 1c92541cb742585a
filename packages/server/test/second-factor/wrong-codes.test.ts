import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { type RunningServer, startServer } from '../../src/process/start-server.js';
import { registerUser, type TestUser } from '../support/call.js';
import { complete, type Enrolled, enrol, freshCode, logIn, wrongCodeOf } from '../support/second-factor.js';
import { type ServerWithMail, startServerWithMail } from '../support/server-with-mail.js';
import { type TestServer, testConfig } from '../support/test-server.js';
import type { TestSmtp } from '../support/test-smtp.js';

const GUESSES = 1_000;

let smtp: TestSmtp;
let server: TestServer;
let second: RunningServer;
let client: ServerWithMail['client'];
let stop: ServerWithMail['stop'];

beforeAll(async () => {
  ({ smtp, server, client, stop } = await startServerWithMail({ trustedProxies: 1 }));
  second = await startServer(testConfig(server.databaseUrl, { mail: smtp.settings, trustedProxies: 1 }));
});
afterAll(async () => {
  await second?.close();
  await stop?.();
});

/** An attacker has as many addresses as they like. */
const from = (guess: number) => ({ 'x-forwarded-for': `10.${guess >> 16}.${(guess >> 8) & 255}.${guess & 255}` });

async function enrolledUser(): Promise<TestUser & Enrolled> {
  const user = await registerUser(server.url);
  return { ...user, ...(await enrol(server.url, user)) };
}

/** As if so many seconds had passed. */
const pass = (user: TestUser, seconds: number) =>
  client.query(
    'update micropay.wrong_codes set wait_until = wait_until - make_interval(secs => $1) where user_id = $2',
    [seconds, user.id],
  );

it('of a thousand wrong codes at once, from as many addresses and to two processes, five are tried', async () => {
  const user = await enrolledUser();
  const challenges = await Promise.all(
    [server, second].map(async ({ url }) => (await logIn(url, user)).body.challenge as string),
  );
  const wrong = wrongCodeOf(user.secret);
  const replies = await Promise.all(
    Array.from({ length: GUESSES }, (_, guess) =>
      complete(guess % 2 === 0 ? server.url : second.url, String(challenges[guess % 2]), wrong, from(guess)),
    ),
  );
  const codes = replies.map(({ body }) => body.code);
  expect(codes.filter((code) => code === 'code_wrong')).toHaveLength(5);
  expect(codes.filter((code) => code !== 'code_wrong' && code !== 'rate_limited')).toEqual([]);
  // Nor does the right one help before its time.
  const right = await complete(server.url, String(challenges[0]), await freshCode(client, user), from(GUESSES));
  expect([right.status, Number(right.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
  expect(right.body.detail).toMatch(/^too many wrong codes: wait \d+ seconds/);

  await vi.waitUntil(
    () => smtp.mails.find(({ to, subject }) => to === user.email && subject === 'Somebody may know your password'),
    { timeout: 5_000 },
  );
  await pass(user, 61);
  const later = await complete(server.url, String(challenges[0]), await freshCode(client, user), from(GUESSES + 1));
  expect(later.status).toBe(200);
});

it('the wait after wrong codes doubles up to an hour, whatever the challenge, and a right code ends it', async () => {
  const user = await enrolledUser();
  let guess = 10_000;
  const tryCode = async (code: string) => {
    guess += 1;
    const { challenge } = (await logIn(server.url, user, from(guess))).body;
    return complete(server.url, challenge, code, from(guess));
  };
  const wrong = wrongCodeOf(user.secret);
  for (let tried = 1; tried <= 4; tried += 1) expect((await tryCode(wrong)).body.code).toBe('code_wrong');
  const minutes: number[] = [];
  for (let tried = 5; tried <= 13; tried += 1) {
    expect((await tryCode(wrong)).body.code).toBe('code_wrong');
    const refused = await tryCode(wrong);
    expect(refused.body.code).toBe('rate_limited');
    minutes.push(Math.ceil(Number(refused.headers.get('retry-after')) / 60));
    await pass(user, 3_600);
  }
  expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
  expect((await tryCode(await freshCode(client, user))).status).toBe(200);
  expect((await tryCode(wrong)).body.code).toBe('code_wrong');
  expect((await tryCode(await freshCode(client, user))).status).toBe(200);
});

it('a recovery code does not wait, and a wrong one does not make an app wait', async () => {
  const user = await enrolledUser();
  const { challenge } = (await logIn(server.url, user)).body;
  const tryCode = (code: string, guess: number) => complete(server.url, challenge, code, from(40_000 + guess));
  for (let tried = 1; tried <= 8; tried += 1) {
    expect((await tryCode('aaaa-aaaa-aaaa-aaaa', tried)).body.code).toBe('code_wrong');
  }
  for (let tried = 9; tried <= 13; tried += 1) {
    expect((await tryCode(wrongCodeOf(user.secret), tried)).body.code).toBe('code_wrong');
  }
  expect((await tryCode(await freshCode(client, user), 14)).body.code).toBe('rate_limited');
  expect((await tryCode(String(user.recoveryCodes[0]), 15)).status).toBe(200);
});

it("a wait is no longer than an hour when the database's clock was set back by a day", async () => {
  const user = await enrolledUser();
  const { challenge } = (await logIn(server.url, user)).body;
  for (let tried = 1; tried <= 5; tried += 1) {
    await complete(server.url, challenge, wrongCodeOf(user.secret), from(20_000 + tried));
  }
  await pass(user, -86_400);
  expect((await complete(server.url, challenge, wrongCodeOf(user.secret), from(20_010))).body.code).toBe('code_wrong');
  expect((await complete(server.url, challenge, wrongCodeOf(user.secret), from(20_011))).body.code).toBe(
    'rate_limited',
  );
});

it('one address tries sixty codes a minute, and ten for one login', async () => {
  const replies = await Promise.all(
    Array.from({ length: 20 }, () => complete(server.url, 'mpc_of-nobody', '000000', from(30_000))),
  );
  const statuses = replies.map(({ status }) => status);
  expect(statuses.filter((status) => status === 422)).toHaveLength(10);
  expect(replies.find(({ status }) => status === 429)?.headers.get('ratelimit-policy')).toBe('"code";q=10;w=60');
  const invented = await Promise.all(
    Array.from({ length: 90 }, (_, index) => complete(server.url, `mpc_${index}`, '000000', from(30_000))),
  );
  // With what refills meanwhile, one a second.
  expect(invented.filter(({ status }) => status === 429).length).toBeGreaterThan(25);
});
