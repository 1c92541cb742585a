import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { createLedger } from '@micropay/ledger-core';
import { createEmptyDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
let database: TestDatabase;

beforeAll(async () => {
  database = await createEmptyDatabase();
});
afterAll(() => database.drop());

async function run(): Promise<string[]> {
  const env = { ...process.env, DATABASE_URL: database.url };
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', main], { env });
  return stdout.split('\n');
}

it('the exchange example prints each step, can be run again, and leaves a sound ledger with its open positions', async () => {
  for (let times = 0; times < 2; times += 1) {
    expect(await run()).toEqual([
      'the user has 100.00 USD',
      'sells some for euros: 25.01 USD become 23.06 EUR (0.9223, treasury desk, 2026-11-20)',
      'the same again under its key: replayed is true',
      'buys yen: 33.04 USD become 5000 JPY (151.37, treasury desk, 2026-11-20)',
      'sells more than there is: refused, insufficient_funds',
      'the user has 41.95 USD',
      'the user has 23.06 EUR',
      'the user has 5000 JPY',
      'debits equal credits in each currency: true',
      '',
    ]);
  }
  const ledger = createLedger({ database: database.url });
  const positions = await Promise.all(
    ['usd', 'eur', 'jpy'].map(async (currency) => (await ledger.accounts.get(`trading:${currency}`)).posted),
  );
  const { problems } = await ledger.verify();
  await ledger.close();
  expect({ positions, problems }).toEqual({ positions: [11_610n, -4_612n, -10_000n], problems: [] });
});
