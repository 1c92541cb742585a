import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { USER, WALLET } from '../test/support/examples.js';
import {
  type Act,
  answer,
  hangUp,
  refuse,
  type ScriptedServer,
  type SeenRequest,
  startScriptedServer,
} from '../test/support/scripted-server.js';
import { type ClientOptions, createClient } from './client.js';
import { MicroPayError } from './errors.js';
import type { Tokens } from './session.js';

const EXPIRED = refuse(401, 'token_expired');
const SECOND = { accessToken: 'access-2', refreshToken: 'refresh-2', expiresIn: 600 };

let server: ScriptedServer;

afterEach(() => server.close());

/** A server that knows access-2, and one way to get it. */
function withRefresh(refresh: Act): Act {
  return async (response, request) => {
    if (request.path === '/v1/auth/refresh') return refresh(response, request);
    const known = request.headers.authorization === 'Bearer access-2';
    return (known ? answer(200, USER) : EXPIRED)(response, request);
  };
}

async function clientOf(acts: readonly Act[], options: Partial<ClientOptions> = {}) {
  server = await startScriptedServer(...acts);
  const kept: (Tokens | null)[] = [];
  const client = createClient({
    baseUrl: server.url,
    accessToken: 'access-1',
    refreshToken: 'refresh-1',
    onTokens: (tokens) => void kept.push(tokens),
    ...options,
  });
  return { client, kept };
}

const pathsSeen = () => server.seen.map(({ path }) => path);
const refreshes = () => server.seen.filter(({ path }) => path === '/v1/auth/refresh');
const bearer = ({ headers }: SeenRequest) => headers.authorization;

async function failure(work: Promise<unknown>): Promise<MicroPayError> {
  const error = await work.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(MicroPayError);
  return error as MicroPayError;
}

describe('an expired access token', () => {
  it('an expired access token is renewed once for all calls that meet it', async () => {
    const slowly: Act = async (response, request) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return answer(200, SECOND)(response, request);
    };
    const { client, kept } = await clientOf([withRefresh(slowly)]);
    const users = await Promise.all(Array.from({ length: 20 }, () => client.me()));
    expect(users).toHaveLength(20);
    expect(refreshes()).toHaveLength(1);
    expect(refreshes()[0]?.body).toBe('{"refreshToken":"refresh-1"}');
    expect(refreshes()[0]?.headers.authorization).toBeUndefined();
    expect(kept).toEqual([expect.objectContaining({ refreshToken: 'refresh-2' })]);
    await client.me();
    expect(refreshes()).toHaveLength(1);
  });

  it('an expired access token is renewed without being tried when only a refresh token is there', async () => {
    server = await startScriptedServer(withRefresh(answer(200, SECOND)));
    const client = createClient({ baseUrl: server.url, refreshToken: 'refresh-1' });
    expect(await client.me()).toEqual(USER);
    expect(pathsSeen()).toEqual(['/v1/auth/refresh', '/v1/me']);
  });

  it('an expired access token is renewed although the first response is lost', async () => {
    const { client } = await clientOf([EXPIRED, hangUp, withRefresh(answer(200, SECOND))]);
    expect(await client.me()).toEqual(USER);
    expect(refreshes()).toHaveLength(2);
  });

  it('an expired access token is not renewed twice for one call', async () => {
    const { client } = await clientOf([withRefresh(answer(200, { ...SECOND, accessToken: 'access-3' }))]);
    expect(await failure(client.me())).toMatchObject({ code: 'token_expired', status: 401 });
    expect(pathsSeen()).toEqual(['/v1/me', '/v1/auth/refresh', '/v1/me']);
  });

  it('an expired access token ends the session when it cannot be renewed', async () => {
    const { client, kept } = await clientOf([withRefresh(refuse(401, 'refresh_token_reused'))]);
    const errors = await Promise.all([failure(client.me()), failure(client.me())]);
    expect(errors.map(({ code }) => code)).toEqual(['refresh_token_reused', 'refresh_token_reused']);
    expect(refreshes()).toHaveLength(1);
    expect(kept).toEqual([null]);
    await failure(client.auth.refresh());
    expect(refreshes()).toHaveLength(1);
  });

  it('an expired access token keeps the session when the server was out of reach', async () => {
    const { client, kept } = await clientOf([EXPIRED, hangUp], { retriesMax: 0 });
    expect(await failure(client.me())).toMatchObject({ code: 'network_error' });
    expect(kept).toEqual([]);
  });

  it('an expired access token never shows in an error', async () => {
    const { client } = await clientOf([withRefresh(refuse(401, 'refresh_token_invalid'))]);
    const error = await failure(client.me());
    expect(JSON.stringify([error, error.message, error.stack, String(error.cause)])).not.toMatch(/access-|refresh-1/);
  });
});

describe('a credential that no header can carry', () => {
  it.each<[name: string, credentials: Partial<ClientOptions>]>([
    ['an API key with a line break in it', { apiKey: 'mpk_SECRET\nrest' }],
    ['an API key that is no Latin text', { apiKey: 'mpk_SECRET…' }],
    ['an access token with a space in it', { accessToken: 'SECRET token' }],
  ])('a credential that no header can carry is refused and never shown: %s', async (_name, credentials) => {
    server = await startScriptedServer(answer(200, USER));
    const client = createClient({ baseUrl: server.url, ...credentials });
    const error = await failure(client.me());
    expect(error).toMatchObject({ code: 'token_invalid', retryable: false });
    expect(error.status).toBeUndefined();
    expect(inspect(error, { depth: null, showHidden: true })).not.toContain('SECRET');
    expect(server.seen).toHaveLength(0);
  });

  it('a credential with a trailing line break, as files have, is accepted', async () => {
    server = await startScriptedServer(answer(200, USER));
    await createClient({ baseUrl: server.url, apiKey: 'operator-key\n' }).me();
    expect(server.seen.map(bearer)).toEqual(['Bearer operator-key']);
  });
});

it.each<Partial<ClientOptions>>([{ accessToken: 'access' }, { refreshToken: 'refresh' }])(
  "an API key beside a user's tokens is refused, as one of them would never be used: %j",
  async (tokens) => {
    server = await startScriptedServer(answer(200, USER));
    const error = await failure((async () => createClient({ baseUrl: server.url, apiKey: 'key', ...tokens }).me())());
    expect(error).toMatchObject({ code: 'invalid_request', fields: [{ path: 'apiKey' }] });
    expect(server.seen).toHaveLength(0);
  },
);

describe('a session', () => {
  it('a session begins with a registration', async () => {
    const registered = { ...SECOND, user: USER, wallet: WALLET };
    const { client, kept } = await clientOf([answer(201, registered), answer(200, USER)]);
    const { wallet } = await client.auth.register({ email: USER.email, password: 'a good and long password' });
    expect(wallet.balance).toBe(10n ** 38n);
    expect(kept).toEqual([expect.objectContaining({ accessToken: 'access-2' })]);
    await client.me();
    expect(server.seen.map(bearer)).toEqual([undefined, 'Bearer access-2']);
  });

  it('a session ends with a logout, whatever the server says', async () => {
    const { client, kept } = await clientOf([refuse(503, 'database_unavailable')], { retriesMax: 0 });
    await failure(client.auth.logout());
    expect(server.seen[0]?.body).toBe('{"refreshToken":"refresh-1"}');
    expect(kept).toEqual([null]);
    await client.auth.logout();
    expect(server.seen).toHaveLength(1);
  });

  it('a session that was ended meanwhile is not restored', async () => {
    const slowly: Act = async (response, request) => {
      await new Promise((resolve) => setTimeout(resolve, 100));
      return answer(200, SECOND)(response, request);
    };
    const { client, kept } = await clientOf([withRefresh(slowly)]);
    const call = client.me();
    await expect.poll(() => refreshes().length).toBe(1);
    await client.auth.logout().catch(() => {});
    await call;
    expect(kept).toEqual([null]);
  });

  it('a session that could not be stored fails the call with the error of onTokens', async () => {
    const reason = new Error('the disk is full');
    const { client } = await clientOf([withRefresh(answer(200, SECOND))], { onTokens: () => Promise.reject(reason) });
    await expect(client.me()).rejects.toBe(reason);
  });

  it('a session of an operator is a key that is not renewed', async () => {
    server = await startScriptedServer(EXPIRED);
    const client = createClient({ baseUrl: server.url, apiKey: 'operator-key' });
    expect(await failure(client.verify())).toMatchObject({ code: 'token_expired' });
    expect(server.seen.map(bearer)).toEqual(['Bearer operator-key']);
  });
});
