import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MicropayResult, startMicropay } from './support/run-micropay.js';

let folder: string;
let database: TestDatabase;
let ledger: Ledger;
/** Ids of accounts and transfers by name. */
const ids: Record<string, string> = {};

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'micropay-cli-'));
  database = await createTestDatabase();
  ledger = createLedger({ database: database.url });
  for (const address of ['world', 'alice']) {
    ids[address] = (await ledger.accounts.open({ address, currency: 'USD' })).id;
  }
  ids.deposit = (await ledger.transfers.post({ from: 'world', to: 'alice', amount: 1250n, currency: 'USD' })).id;
  const damaged = ledger.inLedger('damaged');
  for (const address of ['world', 'bob']) {
    ids[`damaged ${address}`] = (await damaged.accounts.open({ address, currency: 'USD' })).id;
  }
  ids.broken = (await damaged.transfers.post({ from: 'world', to: 'bob', amount: 100n, currency: 'USD' })).id;
  const intruder = new pg.Client({ connectionString: database.url });
  await intruder.connect();
  await intruder.query('set session_replication_role = replica; set search_path = micropay');
  await intruder.query('update transfers set to_posted = 90 where id = $1', [ids.broken]);
  await intruder.query('update balances set credits_posted = 90 where account_id = $1', [ids['damaged bob']]);
  await intruder.end();
});
afterAll(async () => {
  await ledger.close();
  await database.drop();
  await rm(folder, { recursive: true });
});

function micropay(words: readonly string[], environment: Record<string, string> = {}): Promise<MicropayResult> {
  return startMicropay(words, { cwd: folder, environment: { DATABASE_URL: database.url, ...environment } }).result;
}

describe('micropay', () => {
  it('micropay explains itself, and each command, without a database', { timeout: 120_000 }, async () => {
    const overview = await micropay([], { DATABASE_URL: '' });
    expect(overview).toMatchObject({ exitCode: 0, stderr: '' });
    for (const command of ['serve', 'relay', 'migrate', 'verify', 'trial-balance', 'statement', 'import', 'audit']) {
      expect(overview.stdout).toContain(`  ${command} `);
      const { exitCode, stdout } = await micropay([command, '--help'], { DATABASE_URL: '' });
      expect([exitCode, stdout.split('\n')[0]]).toEqual([0, expect.stringContaining(`micropay ${command}`)]);
    }
  });

  it.each<[string, readonly string[], Record<string, string>, string]>([
    ['no such command', ['balances'], {}, 'usage: there is no command "balances": it is one of serve, relay, '],
    ['a slip in a command', ['migarte'], {}, 'usage: there is no command "migarte": did you mean migrate?'],
    ['no such option', ['verify', '--quick'], {}, 'usage: there is no option "--quick"; see micropay verify --help'],
    [
      'a slip in a variable',
      ['verify'],
      { DATABASE_SHEMA: 'x' },
      'DATABASE_SHEMA is not a setting: did you mean DATABASE_SCHEMA?',
    ],
    [
      'a slip in a variable of another command',
      ['trial-balance'],
      { KAFKA_BROKER: 'x' },
      'KAFKA_BROKER is not a setting: did you mean KAFKA_BROKERS?',
    ],
    ['a word too many', ['verify', 'all'], {}, 'usage: micropay verify'],
    ['a word too few', ['import'], {}, 'usage: micropay import FILE'],
    ['no such phase', ['migrate', '--phase', 'during'], {}, 'usage: --phase is one of before, after'],
    ['no database', ['verify'], { DATABASE_URL: '' }, 'invalid_configuration: DATABASE_URL is missing'],
    ['an address that is none', ['verify', '--database', 'x'], {}, 'invalid_configuration: --database must look like'],
    [
      'no such ledger',
      ['trial-balance', '--ledger', 'mian'],
      {},
      'ledger_not_found: schema "micropay" has no ledger "mian"',
    ],
    [
      'an impossible ledger',
      ['verify', '--ledger', 'a b'],
      {},
      'invalid_configuration: --ledger must be a ledger name',
    ],
    ['no period', ['statement', 'alice'], {}, 'usage: name the period with --from and --to'],
    [
      'CSV and JSON at once',
      ['statement', 'alice', '--from', '2026-03-01', '--to', '2026-04-01', '--format', 'csv', '--json'],
      {},
      'usage: --format and --json exclude each other',
    ],
    ['no such day', ['statement', 'alice', '--from', '2026-02-30', '--to', '2026-03-01'], {}, 'invalid_request: '],
    ['no such file', ['import', 'none.csv'], {}, 'file_not_found: none.csv does not exist'],
    ['a folder', ['import', '.', '--format', 'csv'], {}, 'file_unreadable: . is a directory'],
    ['a file of another kind', ['import', 'book.xls'], {}, 'usage: the file must end in .csv or .jsonl'],
  ])('micropay ends with 2 and does nothing: %s', async (_, words, environment, message) => {
    const { exitCode, stdout, stderr } = await micropay(words, environment);
    expect(exitCode).toBe(2);
    if (!words.includes('--json')) expect(stdout).toBe('');
    expect(stderr).toContain(message);
    expect(await readdir(folder)).toEqual([]);
    expect(await ledgerNames()).toEqual(['main', 'damaged']);
  });

  it('micropay names a variable with its prefix that has no effect', async () => {
    const { exitCode, stderr } = await micropay(['trial-balance'], { MICROPAY_COLOUR: 'red' });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: 'MICROPAY_COLOUR is not a setting and has no effect: "micropay serve --help" lists the settings\n',
    });
  });

  it('micropay ends with 2 when there is no such database, as the server does', async () => {
    const url = new URL(database.url);
    url.pathname = '/nowhere';
    const { exitCode, stderr } = await micropay(['verify', '--database', url.href]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringContaining('database_misconfigured: ') });
  });

  it('micropay ends with 1 when the database is unavailable, and says so in JSON', async () => {
    const { exitCode, stdout, stderr } = await micropay(['verify', '--json', '--database', 'postgres://127.0.0.1:1/x']);
    expect(exitCode).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ error: { code: 'database_unavailable', message: expect.any(String) } });
    expect(stderr).toContain('database_unavailable: ');
  });
});

async function ledgerNames(): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query<{ name: string }>('select name from micropay.ledgers order by id');
  await client.end();
  return rows.map(({ name }) => name);
}

describe('micropay migrate', () => {
  it('micropay migrate creates the tables once, in the schema of --schema', async () => {
    const empty = await createEmptyDatabase();
    const environment = { DATABASE_URL: empty.url };
    const early = await micropay(['verify', '--schema', 'books'], environment);
    const sentence = 'schema "books" lacks tables of this release: run "micropay migrate" first';
    expect(early).toMatchObject({ exitCode: 1, stderr: `schema_outdated: ${sentence}\n` });
    const told = await micropay(['verify', '--schema', 'books', '--json'], environment);
    expect(JSON.parse(told.stdout)).toEqual({ error: { code: 'schema_outdated', message: sentence } });

    const plan = await micropay(['migrate', '--schema', 'books', '--plan'], environment);
    expect(plan.exitCode).toBe(0);
    expect(plan.stdout).toMatch(/^component +migration +new code +old code +locks +blocks +takes\n/);
    expect(plan.stdout).toMatch(
      /^ledger-core +0001-ledger\.sql +starts after it +must have ended +nothing +nothing +a moment$/m,
    );
    expect(plan.stdout).toMatch(/^server +0001-users\.sql +starts after it +may run +nothing +nothing +a moment$/m);

    const ledgerOnly = await micropay(['migrate', '--schema', 'books', '--ledger-only', '--json'], environment);
    const { schema, applied } = JSON.parse(ledgerOnly.stdout) as { schema: string; applied: string[] };
    expect([ledgerOnly.exitCode, schema, applied[0]]).toEqual([0, 'books', '0001-ledger.sql']);
    expect(applied).not.toContain('0001-users.sql');

    const whole = await micropay(['migrate', '--schema', 'books'], environment);
    expect(whole).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('Applied to "books": 0001-users.sql') });
    const done = await micropay(['migrate', '--schema', 'books', '--plan', '--json'], environment);
    expect(JSON.parse(done.stdout)).toEqual({ schema: 'books', pending: [] });
    const again = await micropay(['migrate', '--schema', 'books', '--phase', 'before'], environment);
    expect(again).toMatchObject({ exitCode: 0, stdout: 'Schema "books" is up to date.\n' });
    await empty.drop();
  });
});

describe('micropay trial-balance', () => {
  it('micropay trial-balance shows a table in major units, and minor units to programs', async () => {
    const { exitCode, stdout } = await micropay(['trial-balance']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^currency +type +accounts +debits +credits\n/);
    expect(stdout).toMatch(/^USD +asset +1 +12\.50 +0\.00$/m);
    expect(stdout).toMatch(/^USD +total +12\.50 +12\.50$/m);

    const json = await micropay(['trial-balance', '--json']);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ledger: 'main',
      totals: [{ currency: 'USD', debits: '1250', credits: '1250' }],
      balanced: true,
    });
  });

  it('micropay trial-balance ends with 1 when the sides differ', async () => {
    const { exitCode, stdout } = await micropay(['trial-balance', '--ledger', 'damaged']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('DEBITS AND CREDITS DIFFER');
  });
});

describe('micropay statement', () => {
  const period = ['--from', '2020-01-01', '--to', '2199-01-01'];

  it('micropay statement shows a table, or CSV, in major units, and minor units to programs', async () => {
    const { exitCode, stdout } = await micropay(['statement', 'alice', ...period]);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^alice, USD, by recorded time\n\ntime +kind +description +debit +credit +balance\n/);
    expect(stdout).toMatch(
      /^2020-01-01T00:00:00.000Z +opening +0\.00\n.* transfer +12\.50 +12\.50\n2199-.* closing +12\.50$/m,
    );

    const csv = await micropay(['statement', 'alice', '--format', 'csv', '--by', 'effective', ...period]);
    expect(csv.stdout).toMatch(/,closing,,,,,12\.50,USD\r\n$/);
    const json = await micropay(['statement', 'alice', '--json', ...period]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      opening: '0',
      entries: [{ transferId: ids.deposit, amount: '1250', balance: '1250' }],
      closing: '1250',
    });
  });

  it('micropay statement ends with 1 when there is no such account', async () => {
    const { exitCode, stderr } = await micropay(['statement', 'nobody', ...period]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining('account_not_found: ')]);
  });
});

describe('micropay verify', () => {
  it('micropay verify ends with 0 when nothing is wrong', async () => {
    const { exitCode, stdout, stderr } = await micropay(['verify']);
    expect(exitCode).toBe(0);
    expect(stdout).toBe('2 accounts and 1 transfers of ledger "main": nothing is wrong.\n');
    expect(stderr).toContain('Checked 2 accounts, 2 entries, 1 transfers');
  });

  it('micropay verify ends with 1 when something is, and names account and transfer', async () => {
    const { exitCode, stdout } = await micropay(['verify', '--ledger', 'damaged']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(new RegExp(`^wrong_running_balance +bob +${ids.broken} +100 +90$`, 'm'));
    expect(stdout).toMatch(/^wrong_balance +bob +version 1, debits 0, credits 100,/m);
    expect(stdout).toContain('unbalanced_totals');

    const json = await micropay(['verify', '--json', '--full-speed', '--ledger', 'damaged']);
    expect(json.exitCode).toBe(1);
    expect(JSON.parse(json.stdout)).toMatchObject({
      ok: false,
      problemsFound: 3,
      problems: expect.arrayContaining([
        {
          kind: 'wrong_running_balance',
          accountId: ids['damaged bob'],
          transferId: ids.broken,
          expected: '100',
          found: '90',
        },
      ]),
    });
  });
});
