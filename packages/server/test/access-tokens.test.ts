import { createHmac } from 'node:crypto';
import {
  type CryptoKey,
  createLocalJWKSet,
  generateKeyPair,
  importJWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from 'jose';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type TestUser } from './support/call.js';
import { startServerWithUsers } from './support/server-with-users.js';
import type { TestServer } from './support/test-server.js';

let server: TestServer;
let client: pg.Client;
let user: TestUser;
let kid: string;
let privateKey: CryptoKey;
let publicX: string;

beforeAll(async () => {
  [server, user] = await startServerWithUsers(0n);
  client = new pg.Client({ connectionString: server.databaseUrl });
  await client.connect();
  const { rows } = await client.query('select kid, private_jwk, public_jwk from micropay.signing_keys');
  kid = rows[0].kid;
  publicX = rows[0].public_jwk.x;
  privateKey = (await importJWK(rows[0].private_jwk, 'EdDSA')) as CryptoKey;
});
afterAll(async () => {
  await client.end();
  await server.stop();
});

const me = (headers: Record<string, string>) => call(server.url, 'GET /v1/me', { headers });
const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function claims(): JWTPayload {
  const payload = user.token.split('.')[1] ?? '';
  return JSON.parse(Buffer.from(payload, 'base64url').toString());
}

/** A token signed with the server's own key, with one thing changed. */
function forge(change: { claims?: JWTPayload; header?: Record<string, unknown>; key?: CryptoKey } = {}) {
  return new SignJWT({ ...claims(), ...change.claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid, ...change.header })
    .sign(change.key ?? privateKey);
}

describe('an access token', () => {
  it('an access token says who it is for, in which ledger, and for how long', () => {
    const header = JSON.parse(Buffer.from(user.token.split('.')[0] ?? '', 'base64url').toString());
    expect(header).toEqual({ alg: 'EdDSA', typ: 'at+jwt', kid });
    const { iat = 0, exp = 0, ...rest } = claims();
    expect(exp - iat).toBe(600);
    expect(rest).toEqual({
      iss: 'micropay',
      aud: 'micropay',
      sub: user.id,
      ledger: 'main',
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
  });

  it('an access token can be verified by others with the published keys', async () => {
    const { body } = await call(server.url, 'GET /.well-known/jwks.json');
    expect(JSON.stringify(body)).not.toContain('"d"');
    const { payload } = await jwtVerify(user.token, createLocalJWKSet(body), { issuer: 'micropay' });
    expect(payload.sub).toBe(user.id);
  });

  it('an access token is accepted when the forge changes nothing', async () => {
    expect((await me({ authorization: `Bearer ${await forge()}` })).status).toBe(200);
    expect((await me({ authorization: `bearer   ${await forge()}` })).status).toBe(200);
  });

  it.each([
    ['another issuer', () => forge({ claims: { iss: 'somebody' } })],
    ['another audience', () => forge({ claims: { aud: 'another-service' } })],
    ['another ledger', () => forge({ claims: { ledger: 'other' } })],
    ['another type', () => forge({ header: { typ: 'JWT' } })],
    ['an unknown key id', () => forge({ header: { kid: '01a20486-d43a-72e8-bf9a-14c932b5aa96' } })],
    ['no session', () => forge({ claims: { sid: undefined as never } })],
    ['no user', () => forge({ claims: { sub: undefined as never } })],
    ['no expiry', () => forge({ claims: { exp: undefined as never } })],
    ['a time before which it does not count', () => forge({ claims: { nbf: Math.floor(Date.now() / 1000) + 60 } })],
    [
      'the signature of another key',
      async () => forge({ key: (await generateKeyPair('EdDSA', { extractable: true })).privateKey }),
    ],
    ['a changed payload', async () => (await forge()).replace(/\.[^.]+\./, `.${base64({ ...claims(), sub: 'x' })}.`)],
    ['no algorithm', async () => `${base64({ alg: 'none', typ: 'at+jwt', kid })}.${base64(claims())}.`],
    [
      'the public key as a shared secret',
      async () => {
        const text = `${base64({ alg: 'HS256', typ: 'at+jwt', kid })}.${base64(claims())}`;
        const secret = Buffer.from(publicX, 'base64url');
        return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
      },
    ],
    ['three parts that are nothing', async () => 'a.b.c'],
    ['no parts', async () => 'nothing'],
  ])('an access token with %s is refused', async (_name, token) => {
    const { status, body, headers } = await me({ authorization: `Bearer ${await token()}` });
    expect([status, body.code]).toEqual([401, 'token_invalid']);
    expect(headers.get('www-authenticate')).toMatch(/^Bearer realm="micropay", error="invalid_token"/);
  });

  it('an access token is refused when it has expired, with a code of its own', async () => {
    const expired = await forge({ claims: { exp: Math.floor(Date.now() / 1000) - 1 } });
    const { status, body } = await me({ authorization: `Bearer ${expired}` });
    expect([status, body.code]).toEqual([401, 'token_expired']);
  });

  it('an access token expires although it was verified before', async () => {
    const short = await forge({ claims: { exp: Math.floor(Date.now() / 1000) + 2 } });
    expect((await me({ authorization: `Bearer ${short}` })).status).toBe(200);
    await expect
      .poll(async () => (await me({ authorization: `Bearer ${short}` })).body.code, { timeout: 5_000 })
      .toBe('token_expired');
  });

  it.each([
    ['no header', {}],
    ['another scheme', { authorization: 'Basic YTpi' }],
    ['no token', { authorization: 'Bearer' }],
    ['two tokens', { authorization: 'Bearer a b' }],
  ])('an access token is asked for when there is %s', async (_name, headers) => {
    const reply = await me(headers as Record<string, string>);
    expect([reply.status, reply.body.code]).toEqual([401, 'authentication_required']);
    expect(reply.headers.get('www-authenticate')).toBe('Bearer realm="micropay"');
  });
});
