import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createEmptyDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HEADER, madeUpBankFile } from './made-up-bank.js';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let directory: string;
let database: TestDatabase;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'bank-import-'));
  database = await createEmptyDatabase();
});

afterAll(async () => {
  await database.drop();
  await rm(directory, { recursive: true });
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the example as a process of its own. */
async function run(
  words: readonly string[],
  options: { readonly url?: string; readonly watch?: (stderr: string, child: ChildProcess) => void } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...words], {
    env: { ...process.env, DATABASE_URL: options.url ?? database.url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
    options.watch?.(stderr, child);
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

const lastLine = ({ stdout }: Ended) => JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');

/** Reads the imported ledger directly. */
async function inspect<Answer>(name: string, look: (ledger: Ledger) => Promise<Answer>): Promise<Answer> {
  const ledger = createLedger({ database: database.url, name });
  try {
    return await look(ledger);
  } finally {
    await ledger.close();
  }
}

describe('bank-import', () => {
  it('bank-import posts every line, compares every balance and shows a statement', async () => {
    const path = await file('small.csv', madeUpBankFile({ accounts: 6, days: 12 }));
    const ended = await run([path, '--json', '--ledger', 'small', '--account', '2']);
    expect(ended).toMatchObject({ code: 0 });
    expect(lastLine(ended)).toEqual({ transactions: 144, accounts: 6, exact: 3, within: 3, differs: 0 });
    expect(ended.stdout).toContain('Statement of account 2, in CZK');
    expect(ended.stdout).toMatch(/1993-01-02 {2}cash withdrawal +350\.50 +1099\.00 +1099\.10 +-0\.10/);
    expect(ended.stdout).toMatch(/met within 0\.10 at every step +3\n/);
    expect(ended.stderr).toContain('Posting transactions: 144 of 144');

    const balance = await inspect('small', (ledger) => ledger.accounts.get('accounts:1'));
    expect(balance.posted).toBe(12n * 54_950n);
  });

  it('bank-import has the same result after kill -9 in the middle, and posts no line twice', async () => {
    const lines = 6_000;
    const path = await file('long.csv', madeUpBankFile({ accounts: 100, days: 30 }));
    const killed = await run([path, '--ledger', 'killed'], {
      watch: (stderr, child) => stderr.includes('Posting transactions: ') && child.kill('SIGKILL'),
    });
    expect(killed.code).toBeNull();
    const before = await inspect('killed', (ledger) => ledger.verify());
    expect(before.transfers).toBeGreaterThan(0);
    expect(before.transfers).toBeLessThan(lines);

    const resumed = await run([path, '--json', '--ledger', 'killed']);
    expect(lastLine(resumed)).toEqual({ transactions: lines, accounts: 100, exact: 50, within: 50, differs: 0 });
    expect(resumed.stdout).toContain(`${lines} transactions, ${before.transfers} of them posted by an earlier run`);
    const after = await inspect('killed', (ledger) => ledger.verify());
    expect(after).toMatchObject({ ok: true, transfers: lines });

    const again = await run([path, '--json', '--ledger', 'killed']);
    expect(lastLine(again)).toEqual(lastLine(resumed));
    expect(again.stdout).toContain(`${lines} transactions, ${lines} of them posted by an earlier run`);
  });

  it('bank-import names the accounts whose balances do not match', async () => {
    const content = madeUpBankFile({ accounts: 3, days: 3 }).replace('549.50', '549.61');
    const ended = await run([await file('differs.csv', content), '--json', '--ledger', 'differs']);
    expect(ended.code).toBe(0);
    expect(lastLine(ended)).toEqual({ transactions: 18, accounts: 3, exact: 1, within: 1, differs: 1 });
    expect(ended.stdout).toContain('Not met by account 1;');
  });

  it('bank-import posts nothing of a file with a broken line, and names the line', async () => {
    const lines = madeUpBankFile({ accounts: 3, days: 3 }).trimEnd().split('\n');
    const path = await file('broken.csv', [...lines, '99,1,930105,PRIJEM,VKLAD,1x,2.00,,,'].join('\n'));
    const ended = await run([path, '--json', '--ledger', 'broken']);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain('line 20: invalid_amount: amount must be above zero');
    expect(lastLine(ended)).toMatchObject({ error: { code: 'invalid_amount', line: 20 } });
    expect(await inspect('broken', (ledger) => ledger.accounts.list())).toMatchObject({ data: [] });
  });

  it('bank-import stops at a line that was imported before with other content', async () => {
    const first = `${HEADER}\n1,1,930101,PRIJEM,VKLAD,5.00,5.00,,,\n`;
    await run([await file('first.csv', first), '--ledger', 'reused']);
    const ended = await run([
      await file('second.csv', first.replaceAll('5.00', '6.00')),
      '--json',
      '--ledger',
      'reused',
    ]);
    expect(ended.code).toBe(1);
    expect(lastLine(ended)).toMatchObject({ error: { code: 'line_refused', line: 2 } });
    expect(ended.stderr).toContain('idempotency_key_reused');
  });

  it.each<[code: string, words: readonly string[], url?: string]>([
    ['usage', []],
    ['usage', ['one.csv', 'two.csv']],
    ['usage', ['one.csv', '--jsno']],
    ['file_not_found', ['none.csv']],
    ['not_a_file', [tmpdir()]],
  ])('bank-import ends with %s for %j', async (code, words) => {
    const ended = await run(words);
    expect(ended.code).toBe(1);
    expect(ended.stderr).toContain(`${code}: `);
    expect(ended.stderr).not.toContain('    at ');
  });

  it('bank-import says so when there is no database', async () => {
    const path = await file('one.csv', `${HEADER}\n1,1,930101,PRIJEM,VKLAD,5.00,5.00,,,\n`);
    expect(await run([path], { url: '' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('database_missing: '),
    });
    expect(await run([path], { url: 'postgres://nobody@127.0.0.1:1/none' })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('database_unavailable: '),
    });
  });

  // The published file is not part of the project: where there is a copy, the variable names it.
  const published = process.env.MICROPAY_BANK_FILE;
  if (published !== undefined) {
    it('bank-import matches the published file: 373 accounts exactly, 181 within 0.10', async () => {
      const ended = await run([published, '--json', '--ledger', 'published']);
      expect(lastLine(ended)).toEqual({ transactions: 5_347, accounts: 554, exact: 373, within: 181, differs: 0 });
    });
  }
});
