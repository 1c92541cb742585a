import { readFileSync } from 'node:fs';
import { Secret, TOTP } from 'otpauth';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { whyNoChromium } from '../../../scripts/install-chromium.js';
import { startBrowser } from '../../../scripts/virtual-authenticator.js';
import { createClient, type LoggedIn, type LoginChallenge } from '../src/index.js';
import { codeOf, makeUser } from './support/make-user.js';
import { startTestServer, type TestServer } from './support/test-server.js';

const PASSWORD = 'correct horse battery';
const INSTALL_TIMEOUT_MS = 400_000;
const PAGE = readFileSync(new URL('../../../docs/how-to/sign-in.md', import.meta.url), 'utf8');

/** Runs the example below a heading of the page, with what it takes from its surroundings. */
function runExample(heading: string, given: Readonly<Record<string, unknown>>): Promise<unknown> {
  const [, below = ''] = PAGE.split(`# ${heading}\n`);
  const [, example = ''] = /```ts\n([\s\S]*?)```/.exec(below) ?? [];
  const AsyncFunction = Object.getPrototypeOf(async () => undefined).constructor;
  return new AsyncFunction(...Object.keys(given), example)(...Object.values(given));
}

const whyNot = whyNoChromium();
if (whyNot !== undefined && process.env.CI) throw new Error(`passkeys are not skipped in CI: the test ${whyNot}`);

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.stop());

/** The app's code of this moment or, as each is accepted once, of the next half minute. */
function code(secret: string, steps: 0 | 1): string {
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp: Date.now() + steps * 30_000 });
}

const isChallenge = (login: LoggedIn | LoginChallenge): login is LoginChallenge => login.challenge !== undefined;

it('a user adds an authenticator app, logs in with it, and removes it', async () => {
  const { client, email } = await makeUser(server);
  const { secondFactors, auth } = client;
  expect(await codeOf(secondFactors.enrolTotp({ password: 'a wrong password' }))).toBe('password_wrong');
  const { secret, uri } = await secondFactors.enrolTotp({ password: PASSWORD, name: 'Phone' });
  expect(uri).toContain(secret);
  expect(await codeOf(secondFactors.confirmTotp('12345'))).toBe('invalid_request');
  const { secondFactor, recoveryCodes } = await secondFactors.confirmTotp(code(secret, 0));
  expect([secondFactor.name, recoveryCodes.length]).toEqual(['Phone', 10]);
  await auth.logout();

  const login = await auth.login({ email, password: PASSWORD });
  expect(isChallenge(login)).toBe(true);
  if (!isChallenge(login)) return;
  expect(login.methods).toEqual(['totp', 'recovery_code']);
  expect(await codeOf(client.me())).toBe('authentication_required');
  const { challenge } = login;
  expect(await codeOf(auth.completeLogin({ challenge, code: 'aaaa-aaaa-aaaa-aaaa' }))).toBe('code_wrong');
  const { user } = await auth.completeLogin({ challenge, code: code(secret, 1) });
  expect(await client.me()).toEqual(user);
  expect(await codeOf(auth.completeLogin({ challenge, code: code(secret, 1) }))).toBe('challenge_invalid');

  expect(await secondFactors.renewRecoveryCodes(PASSWORD)).toHaveLength(10);
  expect(await secondFactors.listAll()).toMatchObject({
    secondFactors: [{ id: secondFactor.id }],
    recoveryCodesLeft: 10,
  });
  expect(await codeOf(secondFactors.listOf(user.id))).toBe('forbidden');
  await secondFactors.remove(secondFactor.id, PASSWORD);
  expect(await secondFactors.listAll()).toEqual({ secondFactors: [], recoveryCodesLeft: 0 });
});

it('an operator sees and removes the second factors of a user', async () => {
  const { client } = await makeUser(server);
  const { secret } = await client.secondFactors.enrolTotp({ password: PASSWORD });
  await client.secondFactors.confirmTotp(code(secret, 0));
  const { id } = await client.me();
  expect(await server.operator.secondFactors.listOf(id)).toMatchObject({ secondFactors: [{ kind: 'totp' }] });
  await server.operator.secondFactors.removeAllOf(id, 'Ticket 1042');
  expect(await server.operator.secondFactors.listOf(id)).toEqual({ secondFactors: [], recoveryCodesLeft: 0 });
});

it('the example of the page about signing in adds an authenticator app and logs in with it', async () => {
  const { email } = await makeUser(server);
  const client = createClient({ baseUrl: server.url });
  await client.auth.login({ email, password: PASSWORD });
  let secret = '';
  let asked = 0;
  let shown: readonly string[] = [];
  const given = {
    client,
    email,
    password: PASSWORD,
    showQrCode: (uri: string) => {
      secret = new URL(uri).searchParams.get('secret') ?? '';
    },
    showOnce: (codes: readonly string[]) => {
      shown = codes;
    },
    askForCode: async () => {
      asked += 1;
      return code(secret, asked === 1 ? 0 : 1);
    },
  };
  await runExample('A second factor', given);
  expect(shown).toHaveLength(10);
  const { secondFactors } = await client.secondFactors.listAll();
  expect(secondFactors).toMatchObject([{ name: 'Phone', lastUsedAt: expect.any(String) }]);
});

it.skipIf(whyNot !== undefined)(
  'the example of the page about signing in adds a passkey in a real browser and logs in with it',
  async () => {
    const { email } = await makeUser(server);
    const client = createClient({ baseUrl: server.url });
    await client.auth.login({ email, password: PASSWORD });
    const browser = await startBrowser();
    try {
      const key = await browser.plugIn();
      const asked = async (response: Promise<unknown>) => {
        const json = await response;
        return { toJSON: () => json };
      };
      const same = (options: object) => options;
      await runExample('Passkeys and security keys', {
        client,
        email,
        password: PASSWORD,
        PublicKeyCredential: { parseCreationOptionsFromJSON: same, parseRequestOptionsFromJSON: same },
        navigator: {
          credentials: {
            create: ({ publicKey }: { publicKey: object }) => asked(key.create(publicKey)),
            get: ({ publicKey }: { publicKey: object }) => asked(key.get(publicKey)),
          },
        },
      });
    } finally {
      await browser.close();
    }
    const { secondFactors } = await client.secondFactors.listAll();
    expect(secondFactors).toMatchObject([{ kind: 'passkey', name: 'Laptop', lastUsedAt: expect.any(String) }]);
  },
  INSTALL_TIMEOUT_MS,
);
