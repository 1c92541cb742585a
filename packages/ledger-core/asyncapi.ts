// Writes asyncapi.json and docs/reference/events.md from the catalogue; with --check it only says what is stale.
import { readFileSync, writeFileSync } from 'node:fs';
import { asyncApiDocument } from './asyncapi-document.js';
import { eventReference } from './event-reference.js';

const files = [
  [new URL('./asyncapi.json', import.meta.url), `${JSON.stringify(asyncApiDocument(), null, 2)}\n`],
  [new URL('../../docs/reference/events.md', import.meta.url), eventReference()],
] as const;

for (const [file, text] of files) {
  if (!process.argv.includes('--check')) {
    writeFileSync(file, text);
  } else if (readFileSync(file, 'utf8') !== text) {
    console.error(`${file.pathname} is stale: run "npm run asyncapi" in packages/ledger-core and commit it.`);
    process.exitCode = 1;
  }
}
