import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from './support/test-server.js';

let server: TestServer;

beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

describe('the documentation page', () => {
  it('the documentation page requests nothing from other servers', async () => {
    const response = await fetch(`${server.url}/docs`);
    const page = await response.text();
    const addresses = [...page.matchAll(/(?:src|href|url)="([^"]*)"/g)].map(([, address]) => address);
    expect(addresses).toEqual(['/openapi.json', '/openapi.json', '/docs/scalar.js']);
    // The browser limits what the script may load: each kind of resource comes from this server or from the page.
    const policy = response.headers.get('content-security-policy') ?? '';
    const sources = policy.split('; ').flatMap((directive) => directive.split(' ').slice(1));
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; /);
    expect(new Set(sources)).toEqual(new Set(["'none'", "'self'", "'unsafe-inline'", 'data:']));
    expect(policy).not.toMatch(/script-src[^;]*unsafe/);
  });

  it('the documentation page switches off what Scalar requests from others by default', async () => {
    const page = await (await fetch(`${server.url}/docs`)).text();
    const settings = /data-configuration="([^"]*)"/.exec(page)?.[1]?.replaceAll('&quot;', '"') ?? '';
    expect(JSON.parse(settings)).toMatchObject({
      withDefaultFonts: false,
      telemetry: false,
      agent: { disabled: true },
      mcp: { disabled: true },
    });
  });

  it('the documentation page brings its script along', async () => {
    const response = await fetch(`${server.url}/docs/scalar.js`);
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/javascript; charset=utf-8']);
    expect((await response.text()).length).toBeGreaterThan(1_000_000);
  });

  it('the documentation page sends its script once to a browser that keeps it', async () => {
    const first = await fetch(`${server.url}/docs/scalar.js`);
    await first.arrayBuffer();
    expect(first.headers.get('content-encoding')).toBe('gzip');
    const etag = first.headers.get('etag') ?? '';
    const again = await fetch(`${server.url}/docs/scalar.js`, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const plain = await fetch(`${server.url}/docs/scalar.js`, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect((await plain.arrayBuffer()).byteLength).toBe(Number(plain.headers.get('content-length')));
    expect(plain.headers.get('vary')).toBe('accept-encoding');
  });

  it.each([[[]], [['https://app.example.com']]])(
    'the documentation page costs no memory for those who ask and do not read, with origins %j',
    async (corsOrigins) => {
      const asked = await startTestServer({ corsOrigins });
      const script = await fetch(`${asked.url}/docs/scalar.js`);
      await script.arrayBuffer();
      expect(script.headers.get('vary')).toBe(corsOrigins.length === 0 ? 'accept-encoding' : 'Origin, accept-encoding');
      const before = process.memoryUsage();
      const { hostname, port } = new URL(asked.url);
      const sockets: Socket[] = [];
      for (let count = 0; count < 100; count += 1) {
        const socket = connect(Number(port), hostname).pause();
        socket.on('error', () => undefined);
        socket.write('GET /docs/scalar.js HTTP/1.1\r\nHost: x\r\n\r\n');
        sockets.push(socket);
      }
      await sleep(1_000);
      const grown = process.memoryUsage().arrayBuffers - before.arrayBuffers;
      for (const socket of sockets) socket.destroy();
      await asked.stop();
      expect(grown).toBeLessThan(50_000_000);
    },
  );
});
