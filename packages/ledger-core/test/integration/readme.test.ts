import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createEmptyDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';

const packageFolder = new URL('../../', import.meta.url);

/** The first TypeScript example of a page that opens a ledger; it runs as JavaScript too. */
function exampleOf(page: string): string {
  const text = readFileSync(new URL(page, packageFolder), 'utf8');
  const example = /```ts\n(import \{ createLedger[\s\S]*?)```/.exec(text)?.[1];
  if (example === undefined) throw new Error(`${page} shows no example`);
  return example;
}

function run(code: string, database: string): Promise<{ stdout: string }> {
  return promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', code], {
    cwd: fileURLToPath(packageFolder),
    env: { ...process.env, DATABASE_URL: database },
    timeout: 50_000,
  });
}

let database: TestDatabase;
beforeEach(async () => {
  database = await createEmptyDatabase();
});
afterEach(() => database.drop());

it.each(['../../README.md', 'README.md'])('runs the example of %s twice with one deposit, and ends', async (page) => {
  const code = exampleOf(page);
  expect(code).toContain('await ledger.close();');
  expect((await run(code, database.url)).stdout).toBe('1250n\n');
  expect((await run(code, database.url)).stdout).toBe('1250n\n');
});

it('ends without close() once nothing is under way, and not before', async () => {
  const forgetful = exampleOf('README.md').replace('await ledger.close();', '');
  const unawaited = `
    await ledger.inLedger('other').verify();
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (let index = 0; index < 500; index += 1) {
      ledger.transfers.post({ from: 'world:usd', to: 'users:42:usd', amount: 1n, currency: 'USD' });
    }`;
  expect((await run(forgetful + unawaited, database.url)).stdout).toBe('1250n\n');
  expect((await run(forgetful, database.url)).stdout).toBe('1750n\n');
});

it('goes on without close() while it follows events', async () => {
  // The timer holds nothing up: it only fires where something else keeps the process.
  const following = `${exampleOf('README.md').replace('await ledger.close();', '')}
    const { signal } = new AbortController();
    for await (const [event] of await ledger.events.subscribe({ after: 0n, signal })) {
      setTimeout(() => process.exit(7), 500).unref();
    }`;
  await expect(run(following, database.url)).rejects.toMatchObject({ code: 7 });
});
