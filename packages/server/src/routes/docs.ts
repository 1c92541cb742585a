import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { SECURE_HEADERS } from '../http/answer.js';

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
<noscript>This page needs JavaScript; <a href="/openapi.json">/openapi.json</a> says the same to programs.</noscript>
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
export function serveDocs(): Response {
  return new Response(PAGE, { headers: PAGE_HEADERS });
}

export async function serveDocsScript(): Promise<Response> {
  return new Response(await readFile(scriptFile()), { headers: SCRIPT_HEADERS });
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
