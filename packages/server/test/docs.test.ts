import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

describe('the documentation page', () => {
  it('asks nobody but this server for anything', async () => {
    const response = await fetch(`${server.url}/docs`);
    const page = await response.text();
    const addresses = [...page.matchAll(/(?:src|href|url)="([^"]*)"/g)].map(([, address]) => address);
    expect(addresses).toEqual(['/openapi.json', '/openapi.json', '/docs/scalar.js']);
    // What the script itself may load, the browser is told here: of each kind, from this server or out of the page.
    const policy = response.headers.get('content-security-policy') ?? '';
    const sources = policy.split('; ').flatMap((directive) => directive.split(' ').slice(1));
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", "'unsafe-inline'", 'data:']));
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  it('switches off what Scalar asks others for by default', async () => {
    const page = await (await fetch(`${server.url}/docs`)).text();
    const settings = /data-configuration="([^"]*)"/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? '';
    expect(JSON.parse(settings)).toMatchObject({
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
    });
  });

  it('brings its script along', async () => {
    const response = await fetch(`${server.url}/docs/scalar.js`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect((await response.text()).length).toBeGreaterThan(1_000_000);
  });
});
