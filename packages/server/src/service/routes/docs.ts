import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { SECURE_HEADERS } from '../../http/answer.js';
import type { Exchange } from '../../http/serving/exchange.js';
import { sendPage } from '../../http/serving/send-answer.js';

/** Everything of Scalar that would ask somebody else's server for something, switched off. */
const SETTINGS = {
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  showDeveloperTools: 'never',
  agent: { disabled: true },
  mcp: { disabled: true },
};

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>MicroPay API</title>
</head>
<body>
<noscript>This page needs JavaScript; <a href="/openapi.json">/openapi.json</a> has the same content for programs.</noscript>
<script id="api-reference" data-url="/openapi.json" data-configuration="${escapeQuotes(JSON.stringify(SETTINGS))}"></script>
<script src="/docs/scalar.js"></script>
</body>
</html>
`;

/** The browser holds the page to it, should a setting be missed: this server and nobody else. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const PAGE_HEADERS = {
  ...SECURE_HEADERS,
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': POLICY,
};
const SCRIPT_HEADERS = {
  ...SECURE_HEADERS,
  'content-type': 'text/javascript; charset=utf-8',
  'cache-control': 'public, max-age=86400',
};

/** The reference of this server's interface, as a page. */
export function serveDocs({ outgoing }: Exchange): void {
  sendPage(outgoing, PAGE_HEADERS, PAGE);
}

interface Script {
  readonly plain: Buffer;
  readonly gzipped: Buffer;
  readonly etag: string;
}

let script: Promise<Script> | undefined;

/** Anybody may request the script of several megabytes and read it slowly, so all responses share one copy. */
export async function serveDocsScript({ incoming, outgoing }: Exchange): Promise<void> {
  script ??= readScript();
  const { plain, gzipped, etag } = await script.catch((error: unknown) => {
    // The next request tries again to read the file.
    script = undefined;
    throw error;
  });
  const { 'if-none-match': kept, 'accept-encoding': accepted } = incoming.headers;
  const headers = { ...SCRIPT_HEADERS, etag };
  // Beside what it varies by for pages of other origins.
  outgoing.appendHeader('vary', 'accept-encoding');
  if (kept?.includes(etag) === true) return sendPage(outgoing, headers, undefined, 304);
  const zipped = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(String(accepted));
  if (zipped) sendPage(outgoing, { ...headers, 'content-encoding': 'gzip' }, gzipped);
  else sendPage(outgoing, headers, plain);
}

async function readScript(): Promise<Script> {
  const plain = await readFile(scriptFile());
  const digest = hash('sha256', plain, 'base64url');
  // A weak one, as it stands for the script with and without gzip.
  return { plain, gzipped: await promisify(gzip)(plain), etag: `W/"${digest}"` };
}

/** Beside the published code, where the build puts it; in the repository, in the package it comes from. */
function scriptFile(): URL {
  const built = new URL('./scalar.js', import.meta.url);
  if (existsSync(built)) return built;
  const scalar = pathToFileURL(createRequire(import.meta.url).resolve('@scalar/api-reference'));
  return new URL('./browser/standalone.js', scalar);
}

function escapeQuotes(text: string): string {
  return text.replaceAll('"', '&quot;');
}
