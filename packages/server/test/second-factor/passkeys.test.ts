import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { whyNoChromium } from '../../../../scripts/install-chromium.js';
import {
  ORIGIN,
  type PasskeyResponse,
  startBrowser,
  type TestBrowser,
  type VirtualAuthenticator,
} from '../../../../scripts/virtual-authenticator.js';
import { call, registerUser, type TestUser } from '../support/call.js';
import { codeOf, complete, enrol, freshCode, logIn as logInAt, wrongCodeOf } from '../support/second-factor.js';
import { createSoftwarePasskey } from '../support/software-passkey.js';
import { startTestServer, type TestServer } from '../support/test-server.js';

const INSTALL_TIMEOUT_MS = 400_000;
const NOTHING = 'AAAAAAAAAAAAAAAAAAAAAA';

const whyNot = whyNoChromium();
if (whyNot !== undefined && process.env.CI) throw new Error(`passkeys are not skipped in CI: the test ${whyNot}`);

let server: TestServer;
let client: pg.Client;

beforeAll(async () => {
  const passkeys = { rpId: 'localhost', origins: [ORIGIN] };
  server = await startTestServer({ trustedProxies: 1, secondFactors: { serviceName: 'Example Pay', passkeys } });
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
});
afterAll(async () => {
  await client?.end();
  await server?.stop();
});

let addresses = 0;
function elsewhere(): Record<string, string> {
  addresses += 1;
  return { 'x-forwarded-for': `10.2.${addresses >> 8}.${addresses & 255}` };
}
const send = (target: string, token: string | undefined, body?: unknown) =>
  call(server.url, target, { token, body, headers: elsewhere() });
const logIn = (user: TestUser) => logInAt(server.url, user, elsewhere());
const list = async (user: TestUser) => (await send('GET /v1/me/second-factors', user.token)).body;

const enrolPasskey = ({ token, password }: TestUser, name?: string) =>
  send('POST /v1/me/second-factors/passkeys', token, { password, ...(name === undefined ? {} : { name }) });
const confirm = ({ token }: TestUser, response: PasskeyResponse) =>
  send('POST /v1/me/second-factors/passkeys/confirm', token, { response });
const request = (challenge: string) => send('POST /v1/auth/login/passkey-request', undefined, { challenge });
const finish = (challenge: string, response: PasskeyResponse) =>
  send('POST /v1/auth/login/passkey', undefined, { challenge, response });

describe.skipIf(whyNot !== undefined)('in a real browser', () => {
  let browser: TestBrowser;

  beforeAll(async () => {
    browser = await startBrowser();
  }, INSTALL_TIMEOUT_MS);
  afterAll(() => browser?.close());

  async function userWithPasskey(): Promise<{ user: TestUser; key: VirtualAuthenticator; recoveryCodes: string[] }> {
    const [user, key] = [await registerUser(server.url), await browser.plugIn()];
    const { options } = (await enrolPasskey(user)).body;
    const confirmed = await confirm(user, await key.create(options));
    if (confirmed.status !== 200) throw new Error(`the confirmation answered ${JSON.stringify(confirmed.body)}`);
    return { user, key, recoveryCodes: confirmed.body.recoveryCodes };
  }

  /** A login with the password, and what a browser has to answer. */
  async function begin(user: TestUser): Promise<{ challenge: string; options: object }> {
    const { challenge } = (await logIn(user)).body;
    return { challenge, options: (await request(challenge)).body.options };
  }

  it('a passkey is made, and completes logins', async () => {
    const [user, key] = [await registerUser(server.url), await browser.plugIn()];
    const enrolled = await enrolPasskey(user, 'Laptop');
    expect(enrolled).toMatchObject({
      status: 201,
      body: { expiresIn: 600, options: { rp: { id: 'localhost', name: 'Example Pay' }, attestation: 'none' } },
    });
    expect((await logIn(user)).body.accessToken).toBeDefined();
    const { status, body } = await confirm(user, await key.create(enrolled.body.options));
    expect([status, body.secondFactor]).toMatchObject([200, { kind: 'passkey', name: 'Laptop', lastUsedAt: null }]);
    expect(body.recoveryCodes).toHaveLength(10);

    for (const used of [1, 2]) {
      const login = (await logIn(user)).body;
      expect(login).toMatchObject({ methods: ['passkey', 'recovery_code'], expiresIn: 300 });
      const { options } = (await request(login.challenge)).body;
      const completed = await finish(login.challenge, await key.get(options));
      expect([used, completed]).toMatchObject([used, { status: 200, body: { user: { id: user.id }, expiresIn: 600 } }]);
      expect((await send('GET /v1/me', completed.body.accessToken)).status).toBe(200);
    }
    expect(await list(user)).toMatchObject({ data: [{ name: 'Laptop', lastUsedAt: expect.any(String) }] });
  });

  it('a passkey answers one login once', async () => {
    const { user, key } = await userWithPasskey();
    const first = await begin(user);
    const response = await key.get(first.options);
    expect((await finish(first.challenge, response)).status).toBe(200);
    expect((await finish(first.challenge, response)).body.code).toBe('challenge_invalid');
    const second = await begin(user);
    expect((await finish(second.challenge, response)).body.code).toBe('passkey_refused');
    // What was asked is used up by the wrong answer: the right one comes too late.
    expect((await finish(second.challenge, await key.get(second.options))).body.code).toBe('passkey_refused');
    const { options } = (await request(second.challenge)).body;
    expect((await finish(second.challenge, await key.get(options))).status).toBe(200);
  });

  it('a passkey answers what was asked last', async () => {
    const { user, key } = await userWithPasskey();
    const { challenge, options } = await begin(user);
    const response = await key.get(options);
    await request(challenge);
    expect((await finish(challenge, response)).body.code).toBe('passkey_refused');
  });

  it('a passkey of one user is nothing for another, and nor is what a browser answered for them', async () => {
    const [alice, bob] = [await userWithPasskey(), await userWithPasskey()];
    const [ofAlice, ofBob] = [await begin(alice.user), await begin(bob.user)];
    const response = await bob.key.get(ofBob.options);
    expect((await finish(ofAlice.challenge, response)).body.code).toBe('passkey_refused');
    expect((await finish(ofBob.challenge, response)).status).toBe(200);

    const [carol, dave] = [await registerUser(server.url), await registerUser(server.url)];
    const key = await browser.plugIn();
    const created = await key.create((await enrolPasskey(carol)).body.options);
    expect((await confirm(dave, created)).body.code).toBe('second_factor_not_found');
    await enrolPasskey(dave);
    expect((await confirm(dave, created)).body.code).toBe('passkey_refused');
    expect((await confirm(carol, created)).status).toBe(200);
    expect((await confirm(carol, created)).body.code).toBe('second_factor_not_found');
  });

  it('a passkey that is copied is refused once the copy counts less than the original', async () => {
    const { user, key } = await userWithPasskey();
    for (const _ of [1, 2, 3]) {
      const { challenge, options } = await begin(user);
      expect((await finish(challenge, await key.get(options))).status).toBe(200);
    }
    await key.setCounts(1);
    const { challenge, options } = await begin(user);
    expect((await finish(challenge, await key.get(options))).body.code).toBe('passkey_refused');
  });

  it('a passkey is refused on a page of another origin', async () => {
    const { user, key } = await userWithPasskey();
    const { challenge, options } = await begin(user);
    // A browser asks for no more than the domain, which this page has too.
    const response = await key.get(options, 'http://localhost:4000');
    expect((await finish(challenge, response)).body.code).toBe('passkey_refused');

    const other = await registerUser(server.url);
    const enrolled = await enrolPasskey(other);
    const created = await (await browser.plugIn()).create(enrolled.body.options, 'http://localhost:4000');
    expect((await confirm(other, created)).body.code).toBe('passkey_refused');
    expect(await list(other)).toEqual({ data: [], recoveryCodesLeft: 0 });
  });

  it('a passkey is refused when its signature or what it signs was changed', async () => {
    const { user, key } = await userWithPasskey();
    for (const member of ['signature', 'authenticatorData', 'clientDataJSON']) {
      const { challenge, options } = await begin(user);
      const response = await key.get(options);
      const changed = { ...response, response: { ...response.response, [member]: NOTHING } };
      expect([member, (await finish(challenge, changed)).body.code]).toEqual([member, 'passkey_refused']);
    }
  });

  it('a passkey that brings a certificate of its maker is refused: it was not asked for', async () => {
    const user = await registerUser(server.url);
    const { options } = (await enrolPasskey(user)).body;
    const created = await (await browser.plugIn()).create({ ...options, attestation: 'direct' });
    expect((await confirm(user, created)).body.code).toBe('passkey_refused');
  });

  it('passkeys are several, and each is on another authenticator', async () => {
    const { user, key, recoveryCodes } = await userWithPasskey();
    await expect(key.create((await enrolPasskey(user, 'Again')).body.options)).rejects.toThrow(/InvalidStateError/);
    const other = await browser.plugIn();
    const { body } = await confirm(user, await other.create((await enrolPasskey(user, 'Key')).body.options));
    expect(body).toMatchObject({ secondFactor: { name: 'Key' }, recoveryCodes: [] });
    for (const one of [key, other]) {
      const { challenge, options } = await begin(user);
      expect((await finish(challenge, await one.get(options))).status).toBe(200);
    }
    const [first] = (await list(user)).data;
    const removal = { password: user.password };
    expect((await send(`POST /v1/me/second-factors/${first.id}/remove`, user.token, removal)).status).toBe(204);
    expect(await list(user)).toMatchObject({ data: [{ name: 'Key' }], recoveryCodesLeft: 10 });
    const { challenge } = await begin(user);
    expect((await complete(server.url, challenge, String(recoveryCodes[0]), elsewhere())).status).toBe(200);
  });

  it('a passkey is not kept waiting by wrong codes, and stands beside an authenticator app', async () => {
    const { user, key } = await userWithPasskey();
    const { secret, recoveryCodes } = await enrol(server.url, user);
    expect(recoveryCodes).toEqual([]);
    const { challenge, methods } = (await logIn(user)).body;
    expect(methods).toEqual(['passkey', 'totp', 'recovery_code']);
    for (let tried = 1; tried <= 5; tried += 1) {
      await complete(server.url, challenge, wrongCodeOf(secret), elsewhere());
    }
    const early = await complete(server.url, challenge, await freshCode(client, { secret }), elsewhere());
    expect(early.body.code).toBe('rate_limited');
    const { options } = (await request(challenge)).body;
    expect((await finish(challenge, await key.get(options))).status).toBe(200);
  });
});

describe('the id of a passkey', () => {
  const site = { rpId: 'localhost', origin: ORIGIN };

  it('the id of a passkey has 1,023 bytes at most, and the longest works', async () => {
    const user = await registerUser(server.url);
    const long = createSoftwarePasskey(site, { idLength: 1_024 });
    const refused = await confirm(user, long.create((await enrolPasskey(user)).body.options));
    expect(refused).toMatchObject({ status: 403, body: { code: 'passkey_refused' } });
    expect(await list(user)).toEqual({ data: [], recoveryCodesLeft: 0 });
    const longest = createSoftwarePasskey(site, { idLength: 1_023 });
    expect((await confirm(user, longest.create((await enrolPasskey(user)).body.options))).status).toBe(200);
    const { challenge } = (await logIn(user)).body;
    const { options } = (await request(challenge)).body;
    expect((await finish(challenge, longest.get(options))).status).toBe(200);
  });

  it('the id of a passkey is the one that its browser names', async () => {
    const user = await registerUser(server.url);
    const created = createSoftwarePasskey(site).create((await enrolPasskey(user)).body.options);
    const refused = await confirm(user, { ...created, id: NOTHING, rawId: NOTHING });
    expect(refused.body.code).toBe('passkey_refused');
    expect(await list(user)).toEqual({ data: [], recoveryCodesLeft: 0 });
  });
});

it('a passkey is asked for by no user who has none', async () => {
  const user = await registerUser(server.url);
  await enrol(server.url, user);
  const { challenge } = (await logIn(user)).body;
  expect((await request(challenge)).body.code).toBe('second_factor_not_found');
});

it('passkeys are off where the application is at no domain', async () => {
  const off = await startTestServer();
  try {
    const user = await registerUser(off.url);
    const { token, password } = user;
    const enrolled = await call(off.url, 'POST /v1/me/second-factors/passkeys', { token, body: { password } });
    expect(enrolled).toMatchObject({ status: 422, body: { code: 'passkeys_off' } });
    const { secret } = await enrol(off.url, user);
    expect(codeOf(secret)).toMatch(/^\d{6}$/);
    const { challenge } = (await logInAt(off.url, user)).body;
    const asked = await call(off.url, 'POST /v1/auth/login/passkey-request', { body: { challenge } });
    expect(asked.body.code).toBe('passkeys_off');
  } finally {
    await off.stop();
  }
});
