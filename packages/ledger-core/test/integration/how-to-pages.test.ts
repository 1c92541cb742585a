import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { openWallets, postedOf, useTestBed } from '../support/test-bed.js';

const packageFolder = new URL('../../', import.meta.url);
const bed = useTestBed();

/** Variables that the page assumes: a ledger, and one object of each client library. */
const GIVEN = `
import { createLedger } from '@micropay/ledger-core';
import { drizzle as drizzleOf } from 'drizzle-orm/node-postgres';
import { pgTable, text } from 'drizzle-orm/pg-core';
import knexOf from 'knex';
import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import postgres from 'postgres';

const database = process.env.DATABASE_URL;
const ledger = createLedger({ database });
const pool = new pg.Pool({ connectionString: database });
const kysely = new Kysely({ dialect: new PostgresDialect({ pool }) });
const knex = knexOf({ client: 'pg', connection: database });
const sql = postgres(database);
const drizzle = drizzleOf({ client: pool });
const orders = pgTable('orders', { id: text().primaryKey() });
`;

const END = `
await Promise.all([ledger.close(), pool.end(), knex.destroy(), sql.end()]);
`;

function snippetsOf(page: string): readonly { readonly library: string; readonly code: string }[] {
  const found = readFileSync(new URL(page, packageFolder), 'utf8').matchAll(
    /<!-- snippet: (\S+) -->\n```ts\n([\s\S]*?)```/g,
  );
  return [...found].map(([, library = '', code = '']) => ({ library, code }));
}

async function run(program: string): Promise<string> {
  const words = ['--import', 'tsx', '--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, words, {
    cwd: fileURLToPath(packageFolder),
    env: { ...process.env, DATABASE_URL: bed.url },
  });
  return stdout;
}

it('runs what your-own-transaction.md shows for each library', async () => {
  const ledger = bed.ledger();
  await openWallets(ledger, { alice: 1_000n, bob: 0n });
  await bed.sql('create table orders (id text primary key)');
  const snippets = snippetsOf('../../docs/how-to/your-own-transaction.md');
  const libraries = snippets.map(({ library }) => library);
  expect(libraries).toEqual(['pg', 'kysely', 'knex', 'postgres-js', 'drizzle']);

  const imports = snippets.map(({ code }) => /^import .*$/m.exec(code)?.[0]);
  const blocks = snippets.map(({ library, code }) => {
    const payment = `{ from: 'alice', to: 'bob', amount: 1n, currency: 'USD', idempotencyKey: order }`;
    return `{\nconst order = '${library}';\nconst payment = ${payment};\n${code.replace(/^import .*$/m, '')}}`;
  });
  await run([GIVEN, ...imports, ...blocks, END].join('\n'));

  const rows = await bed.sql<{ id: string }>('select id from orders order by id');
  expect(rows.map(({ id }) => id)).toEqual([...libraries].sort());
  expect(await postedOf(ledger, 'bob')).toBe(BigInt(libraries.length));
});

it('runs what observe-the-engine.md shows', async () => {
  await openWallets(bed.ledger({ name: 'observed' }), { carol: 0n });
  const page = readFileSync(new URL('../../docs/how-to/observe-the-engine.md', packageFolder), 'utf8');
  const code = (/```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '').replace(/^import .*$/m, '');
  const use = `
const own = observed.inLedger('observed');
await own.transfers.post({ from: 'world', to: 'carol', amount: 1n, currency: 'USD' });
console.log(JSON.stringify(own.engineStatus().lanes), failures.size);
await observed.close();
`;
  expect(await run([GIVEN, code, use, END].join('\n'))).toBe('{"open":1,"max":1} 0\n');
});

it('runs what exchange.md shows', async () => {
  const ledger = bed.ledger();
  await ledger.accounts.ensure({ address: 'world:usd', currency: 'USD' });
  await ledger.accounts.open({ address: 'users:42:usd', currency: 'USD' });
  await ledger.accounts.open({ address: 'users:42:eur', currency: 'EUR' });
  await ledger.transfers.post({ from: 'world:usd', to: 'users:42:usd', amount: 5_000n, currency: 'USD' });
  const page = readFileSync(new URL('../../docs/how-to/exchange.md', packageFolder), 'utf8');
  const code = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  expect(await run([GIVEN, code, END].join('\n'))).toBe('2501n 2306n\n');
});
