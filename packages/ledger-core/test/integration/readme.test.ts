import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createEmptyDatabase } from '@micropay/local-postgres/testing';
import { expect, it } from 'vitest';

const packageFolder = new URL('../../', import.meta.url);

/** The first TypeScript example of a page that opens a ledger; it runs as JavaScript too. */
function exampleOf(page: string): string {
  const text = readFileSync(new URL(page, packageFolder), 'utf8');
  const example = /```ts\n(import \{ createLedger[\s\S]*?)```/.exec(text)?.[1];
  if (example === undefined) throw new Error(`${page} shows no example`);
  return example;
}

it.each(['../../README.md', 'README.md'])('runs the example of %s twice with one deposit', async (page) => {
  const database = await createEmptyDatabase();
  try {
    const code = `${exampleOf(page)}\nawait ledger.close();`;
    const run = () =>
      promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
        cwd: fileURLToPath(packageFolder),
        env: { ...process.env, DATABASE_URL: database.url },
      });
    expect((await run()).stdout).toBe('1250n\n');
    expect((await run()).stdout).toBe('1250n\n');
  } finally {
    await database.drop();
  }
});
