import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, registerUser } from './support/call.js';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const PASSWORD = 'pa\u0301ssw\u00f6rd am Morgen';
const register = (email: string, more: object = {}) =>
  call(server.url, 'POST /v1/auth/register', { body: { email, password: PASSWORD, ...more } });
const login = (email: string, password = PASSWORD) =>
  call(server.url, 'POST /v1/auth/login', { body: { email, password } });

describe('an email', () => {
  const name = `jörg-${randomUUID()}`;
  const forms = [
    `${name}@münchen.de`,
    `${name}@xn--mnchen-3ya.de`,
    `${name}@MÜNCHEN.de`.toUpperCase(),
    `${name}@münchen.de`.normalize('NFD'),
    `${name}@ｍünchen．de`,
  ];
  let id: string;

  beforeAll(async () => {
    const { status, body } = await register(forms[0] as string);
    expect([status, body.user?.email]).toEqual([201, forms[0]]);
    id = body.user.id;
  });

  it.each(forms.slice(1).map((form) => [form]))(
    'an email names one user in the form %j: to register, to log in, to be paid',
    async (form) => {
      expect((await register(form)).body.code).toBe('email_taken');
      expect((await login(form)).body.user?.id).toBe(id);
      const payer = await registerUser(server.url, { balance: 10n });
      const order = { from: payer.wallet, to: form, amount: '1', currency: 'USD' };
      const paid = await call(server.url, 'POST /v1/transfers', { token: payer.token, key: randomUUID(), body: order });
      expect(paid.status).toBe(201);
    },
  );

  it('an email that only looks alike names another user', async () => {
    const latin = `alice-${randomUUID()}@example.com`;
    const alike = `\u0430${latin.slice(1)}`;
    const [one, other] = [await register(latin), await register(alike)];
    expect([one.status, other.status]).toEqual([201, 201]);
    expect((await login(alike)).body.user.id).toBe(other.body.user.id);
  });
});

describe('a password', () => {
  it('a password is the same in each Unicode form and with each space, and in no other case', async () => {
    const email = `${randomUUID()}@example.com`;
    await register(email);
    for (const form of [PASSWORD.normalize('NFC'), PASSWORD.normalize('NFD'), PASSWORD.replaceAll(' ', '\u00a0')]) {
      expect((await login(email, form)).status).toBe(200);
    }
    expect((await login(email, PASSWORD.toUpperCase())).body.code).toBe('invalid_credentials');
  });

  it.each([['battery\u0000staple'], ['"battery \\ud800"'], ['battery\u0085staple']])(
    'a password that no keyboard types, or that has no bytes of its own, is refused: %j',
    async (password) => {
      const sent = password.startsWith('"') ? password : JSON.stringify(password);
      const body = `{"email":"${randomUUID()}@example.com","password":${sent}}`;
      for (const route of ['register', 'login']) {
        expect((await call(server.url, `POST /v1/auth/${route}`, { body })).status).toBe(400);
      }
    },
  );

  it('a password counts characters, not halves of them', async () => {
    const email = () => `${randomUUID()}@example.com`;
    // Each is a pair of surrogates.
    const animals = (count: number) =>
      String.fromCodePoint(...Array.from({ length: count }, (_, index) => 0x1f400 + ((index * 7) % 60)));
    const statusOf = async (count: number) => (await register(email(), { password: animals(count) })).status;
    expect([await statusOf(14), await statusOf(15), await statusOf(256), await statusOf(257)]).toEqual([
      400, 201, 201, 400,
    ]);
  });
});

describe('a display name', () => {
  const named = (displayName: string) => register(`${randomUUID()}@example.com`, { displayName });

  it('a display name counts characters, and is answered composed', async () => {
    expect((await named('🦊'.repeat(100))).status).toBe(201);
    expect((await named('🦊'.repeat(101))).body.errors[0].path).toBe('displayName');
    expect((await named('Jo\u0308rg')).body.user.displayName).toBe('J\u00f6rg');
  });

  it.each(['a\u202eb', 'a\u2066b', 'a\u200fb', 'a\u2028b', 'a\u0007b', ''])(
    'a display name is refused: %j',
    async (displayName) => {
      const { status, body } = await named(displayName);
      expect([status, body.errors[0].path]).toEqual([400, 'displayName']);
    },
  );
});
