// Writes openapi.json from the routes; with --check it only says whether the committed one is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { openApiDocument } from './src/http/openapi-document.js';
import { ROUTES } from './src/routes.js';

const file = new URL('./openapi.json', import.meta.url);
const text = `${JSON.stringify(openApiDocument(ROUTES.map(({ endpoint }) => endpoint)), null, 2)}\n`;

if (!process.argv.includes('--check')) {
  writeFileSync(file, text);
} else if (readFileSync(file, 'utf8') !== text) {
  console.error('packages/server/openapi.json is stale: run "npm run openapi" in packages/server and commit it.');
  process.exitCode = 1;
}
