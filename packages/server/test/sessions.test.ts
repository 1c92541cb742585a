import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startServer } from '../src/process/start-server.js';
import { call, registerUser } from './support/call.js';
import { startTestServer, type TestServer, testConfig } from './support/test-server.js';

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

const refresh = (refreshToken: string) => call(server.url, 'POST /v1/auth/refresh', { body: { refreshToken } });
const logout = (refreshToken: string) => call(server.url, 'POST /v1/auth/logout', { body: { refreshToken } });
const me = (token: string, url = server.url) => call(url, 'GET /v1/me', { token });

/** Makes it later for all tokens: those used before are out of their grace. */
function passTime(seconds: number) {
  return client.query(`update micropay.refresh_tokens set used_at = used_at - make_interval(secs => $1)`, [seconds]);
}

describe('a refresh token', () => {
  it('a refresh token answers a new pair, both of which work', async () => {
    const user = await registerUser(server.url);
    const { status, body } = await refresh(user.refreshToken);
    expect([status, Object.keys(body)]).toEqual([200, ['accessToken', 'refreshToken', 'expiresIn']]);
    expect(body.refreshToken).not.toBe(user.refreshToken);
    expect((await me(body.accessToken)).status).toBe(200);
    expect((await refresh(body.refreshToken)).status).toBe(200);
  });

  it('a refresh token works again within the grace, for a client that lost the answer', async () => {
    const user = await registerUser(server.url);
    await refresh(user.refreshToken);
    await passTime(8);
    const again = await refresh(user.refreshToken);
    expect(again.status).toBe(200);
    expect((await refresh(again.body.refreshToken)).status).toBe(200);
  });

  it('a refresh token that is reused after the grace period ends the session with all its tokens', async () => {
    const user = await registerUser(server.url);
    const { body: pair } = await refresh(user.refreshToken);
    await passTime(11);
    const reused = await refresh(user.refreshToken);
    expect([reused.status, reused.body.code]).toEqual([401, 'refresh_token_reused']);
    expect((await refresh(pair.refreshToken)).body.code).toBe('refresh_token_invalid');
    expect((await me(pair.accessToken)).body.code).toBe('token_invalid');
    expect((await me(user.token)).body.code).toBe('token_invalid');
  });

  it("a refresh token has no longer grace when the database's clock was set back", async () => {
    const user = await registerUser(server.url);
    await refresh(user.refreshToken);
    await passTime(-3_600);
    expect((await refresh(user.refreshToken)).body.code).toBe('refresh_token_reused');
  });

  it('a refresh token that is reused within the grace period but after its successor ends the session too', async () => {
    const user = await registerUser(server.url);
    const { body: pair } = await refresh(user.refreshToken);
    await refresh(pair.refreshToken);
    expect((await refresh(user.refreshToken)).body.code).toBe('refresh_token_reused');
  });

  it('a refresh token and its sibling of the same exchange cannot both be used', async () => {
    const user = await registerUser(server.url);
    const [{ body: mine }, { body: stolen }] = [await refresh(user.refreshToken), await refresh(user.refreshToken)];
    const { body: next } = await refresh(mine.refreshToken);
    expect((await refresh(stolen.refreshToken)).body.code).toBe('refresh_token_reused');
    expect((await refresh(next.refreshToken)).body.code).toBe('refresh_token_invalid');
    expect((await me(next.accessToken)).body.code).toBe('token_invalid');
  });

  it('a refresh token that is sent many times concurrently works for each of them', async () => {
    const user = await registerUser(server.url);
    const replies = await Promise.all([1, 2, 3, 4].map(() => refresh(user.refreshToken)));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });

  it.each([
    ['is not known', async () => 'mpr_unknown'],
    [
      'has expired',
      async () => {
        const { refreshToken, id } = await registerUser(server.url);
        await client.query(
          `update micropay.refresh_tokens set expires_at = now()
           where session_id in (select id from micropay.sessions where user_id = $1)`,
          [id],
        );
        return refreshToken;
      },
    ],
    [
      'belongs to an ended session',
      async () => {
        const { refreshToken } = await registerUser(server.url);
        await logout(refreshToken);
        return refreshToken;
      },
    ],
  ])('a refresh token is refused when it %s', async (_name, token) => {
    const { status, body } = await refresh(await token());
    expect([status, body.code]).toEqual([401, 'refresh_token_invalid']);
  });

  it('a refresh token is limited', async () => {
    const statuses = [];
    for (let attempt = 1; attempt <= 11; attempt += 1) statuses.push((await refresh('mpr_the-same')).status);
    expect(statuses).toEqual([...Array(10).fill(401), 429]);
  });
});

describe('a logout', () => {
  it('a logout ends access and refresh tokens of this session at once, and no other session', async () => {
    const user = await registerUser(server.url);
    const other = await call(server.url, 'POST /v1/auth/login', {
      body: { email: user.email, password: user.password },
    });
    // Used once, so that it is known to this process already.
    expect((await me(user.token)).status).toBe(200);
    const { status, body } = await logout(user.refreshToken);
    expect([status, body]).toEqual([204, undefined]);
    const refused = await me(user.token);
    expect([refused.status, refused.body.code]).toEqual([401, 'token_invalid']);
    expect((await me(other.body.accessToken)).status).toBe(200);
  });

  it('a logout answers the same when it is repeated, or the token is not known', async () => {
    const user = await registerUser(server.url);
    await logout(user.refreshToken);
    expect((await logout(user.refreshToken)).status).toBe(204);
    expect((await logout('mpr_unknown')).status).toBe(204);
  });

  it('a logout counts within five seconds in another process', async () => {
    const second = await startServer(testConfig(server.databaseUrl));
    try {
      const user = await registerUser(server.url);
      expect((await me(user.token, second.url)).status).toBe(200);
      await logout(user.refreshToken);
      await expect.poll(async () => (await me(user.token, second.url)).status, { timeout: 5_000 }).toBe(401);
    } finally {
      await second.close();
    }
  });

  it('a logout counts in a process that starts later', async () => {
    const user = await registerUser(server.url);
    await logout(user.refreshToken);
    const second = await startServer(testConfig(server.databaseUrl));
    expect((await me(user.token, second.url)).status).toBe(401);
    await second.close();
  });
});
