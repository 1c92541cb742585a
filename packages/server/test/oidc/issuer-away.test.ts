import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../support/call.js';
import { readMetric } from '../support/metrics.js';
import { AUDIENCE, startTestIssuer, type TestIssuer } from '../support/test-issuer.js';
import { OPERATOR_KEY, startTestServer, type TestServer } from '../support/test-server.js';

let issuer: TestIssuer;
let server: TestServer;

beforeEach(async () => {
  issuer = await startTestIssuer();
});
afterEach(async () => {
  await server.stop();
  await issuer.stop();
});

const start = () =>
  startTestServer({
    oidc: { mode: 'oidc', issuer: issuer.url, audience: AUDIENCE, tokenType: 'at+jwt', userClaim: 'sub' },
  });
const me = (token: string) => call(server.url, 'GET /v1/me', { token });
const codeOf = async (token: string) => {
  const { status, body } = await me(token);
  return status === 200 ? 'fine' : body.code;
};

describe('an issuer that is away', () => {
  it('an issuer that is away at the start of the server stops sign-ins alone, until it comes', {
    timeout: 30_000,
  }, async () => {
    await issuer.stop();
    server = await start();
    expect((await call(server.url, 'GET /readyz')).status).toBe(200);
    expect((await call(server.url, 'GET /v1/ledger', { token: OPERATOR_KEY })).status).toBe(200);
    const token = await issuer.token('alice', { exp: Math.floor(Date.now() / 1_000) + 300 });
    const refused = await me(token);
    expect([refused.status, refused.body.code, refused.headers.get('retry-after')]).toEqual([
      503,
      'issuer_unavailable',
      '5',
    ]);
    expect(await readMetric(server.url, 'micropay_oidc_issuer_up')).toBe(0);
    await issuer.start();
    await expect.poll(() => codeOf(token), { timeout: 12_000 }).toBe('fine');
    expect(await readMetric(server.url, 'micropay_oidc_issuer_up')).toBe(1);
  });

  it('an issuer that goes away later leaves its keys behind, and new ones are asked for again', {
    timeout: 30_000,
  }, async () => {
    server = await start();
    await expect.poll(() => readMetric(server.url, 'micropay_oidc_issuer_up')).toBe(1);
    expect(await codeOf(await issuer.token('alice'))).toBe('fine');
    await issuer.stop();
    expect(await codeOf(await issuer.token('bob'))).toBe('fine');
    await issuer.rotate();
    const token = await issuer.token('alice', { exp: Math.floor(Date.now() / 1_000) + 300 });
    // Once a look at the keys has failed, it is not known whether the key is one of them.
    await expect.poll(() => codeOf(token), { timeout: 8_000 }).toBe('issuer_unavailable');
    await issuer.start();
    await expect.poll(() => codeOf(token), { timeout: 8_000 }).toBe('fine');
  });

  it('an issuer that changes its keys is followed, and its old keys count no longer', { timeout: 30_000 }, async () => {
    server = await start();
    const before = await issuer.token('alice', { exp: Math.floor(Date.now() / 1_000) + 300 });
    expect(await codeOf(before)).toBe('fine');
    await issuer.rotate();
    const after = await issuer.token('alice', { exp: Math.floor(Date.now() / 1_000) + 300 });
    await expect.poll(() => codeOf(after), { timeout: 8_000 }).toBe('fine');
    expect(await codeOf(before)).toBe('token_invalid');
  });

  it('an issuer is not asked for each key that a stranger makes up', { timeout: 30_000 }, async () => {
    server = await start();
    expect(await codeOf(await issuer.token('alice'))).toBe('fine');
    const before = issuer.keysRead();
    const tokens = await Promise.all(Array.from({ length: 50 }, () => issuer.token('m', {}, { kid: randomUUID() })));
    const codes = await Promise.all(tokens.map(codeOf));
    expect(new Set(codes)).toEqual(new Set(['token_invalid']));
    expect(issuer.keysRead() - before).toBeLessThanOrEqual(2);
  });
});
