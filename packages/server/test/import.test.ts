import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { createLedger, type Ledger } from '@micropay/ledger-core';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postLines } from '../src/cli/import/post-lines.js';
import { type MicropayProcess, startMicropay } from './support/run-micropay.js';

let folder: string;
let database: TestDatabase;
let engine: Ledger;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'micropay-import-'));
  database = await createTestDatabase();
  engine = createLedger({ database: database.url });
});
afterAll(async () => {
  await engine.close();
  await database.drop();
  await rm(folder, { recursive: true });
});

function start(...words: readonly string[]): MicropayProcess {
  return startMicropay(['import', ...words], { cwd: folder, environment: { DATABASE_URL: database.url } });
}

const FILE = `kind,address,type,minimum,from,to,amount,currency,idempotency_key,effective_at,description,metadata
account,world,,,,,,USD,,,,
account,shop,income,none,,,,USD,,,,"{""branch"": 7}"
account,alice,,,,,,USD,,,,
transfer,,,,world,alice,1000,USD,k1,,,
transfer,,,,alice,shop,2000,USD,k2,,too much,
transfer,,,,alice,shop,300,USD,k3,2026-01-31T12:00:00+01:00,"a ""quoted"",
text on two lines","{""order"": ""7""}"
transfer,,,,alice,nobody,1,USD,k4,,,
transfer,,,,alice,shop,12.5,USD,k5,,,
transfer,,,,alice,shop,5,USD,,,,
transfer,,,,alice,shop,5,USD,k6
account,alice,,,,,,EUR,,,,
transfer,,,,alice,shop,700,USD,k7,,,
`;

it('takes what is right, lists what is not, and posts nothing twice', async () => {
  await writeFile(join(folder, 'book.csv'), FILE);
  const words = ['book.csv', '--ledger', 'book', '--report', 'refused.jsonl', '--json'];
  const { exitCode, stdout, stderr } = await start(...words).result;
  expect({ exitCode, ...(JSON.parse(stdout) as object) }).toMatchObject({
    exitCode: 1,
    lines: 12,
    accountsOpened: 3,
    accountsKnown: 0,
    transfersPosted: 3,
    transfersKnown: 0,
    refused: 6,
  });
  const refused = (await readFile(join(folder, 'refused.jsonl'), 'utf8')).trim().split('\n');
  const named = refused.map((line) => JSON.parse(line) as { line: number; code: string; message: string });
  expect(named.map(({ line, code }) => [line, code]).toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual([
    [6, 'insufficient_funds'],
    [9, 'account_not_found'],
    [10, 'invalid_amount'],
    [11, 'missing_key'],
    [12, 'wrong_field_count'],
    [13, 'account_exists'],
  ]);
  expect(stderr).toContain('line 6: insufficient_funds: ');

  const book = engine.inLedger('book');
  expect(await book.accounts.get('shop')).toMatchObject({ type: 'income', minimum: null, metadata: { branch: 7 } });
  const { data } = await book.accounts.entries('alice');
  expect(
    data.map(({ amount, description, metadata, effectiveAt, recordedAt }) => [
      amount,
      description,
      metadata,
      effectiveAt.getTime() === recordedAt.getTime() ? 'now' : effectiveAt.toISOString(),
    ]),
  ).toEqual([
    [700n, null, null, 'now'],
    [300n, 'a "quoted",\ntext on two lines', { order: '7' }, '2026-01-31T11:00:00.000Z'],
    [1000n, null, null, 'now'],
  ]);

  const again = await start(...words).result;
  expect(JSON.parse(again.stdout)).toMatchObject({
    accountsKnown: 3,
    transfersPosted: 0,
    transfersKnown: 3,
    refused: 6,
  });
  expect((await book.accounts.entries('alice')).data).toEqual(data);
});

it('takes JSON lines, and makes keys of the name that the file is given', async () => {
  const lines = [
    { address: 'world', currency: 'USD' },
    { address: 'a', currency: 'USD', minimum: null, metadata: { note: 'ä' } },
    { from: 'world', to: 'a', amount: '12345678901234567890', currency: 'USD' },
    { kind: 'transfer', from: 'a', to: 'world', amount: 5, currency: 'USD', description: 'back', metadata: { a: [1] } },
    { from: 'a', to: 'world', amount: 1.5, currency: 'USD' },
    { from: 'a', to: 'world', amount: 1, currency: 'USD', address: 'x', kind: 'transfer' },
    { from: 'a', to: 'world', amount: 5, currency: 'USD' },
  ].map((line) => JSON.stringify(line));
  await writeFile(join(folder, 'book.jsonl'), ['\uFEFF', ...lines, '{"from": ', '[]', '', ''].join('\n'));
  const unnamed = await start('book.jsonl', '--ledger', 'lines', '--check', '--json').result;
  expect(JSON.parse(unnamed.stdout)).toMatchObject({ lines: 9, refused: 7, transfersPosted: 0 });

  const words = ['book.jsonl', '--ledger', 'lines', '--file-id', 'january', '--json'];
  const first = await start(...words).result;
  expect(first.exitCode).toBe(1);
  expect(JSON.parse(first.stdout)).toMatchObject({
    accountsOpened: 2,
    transfersPosted: 3,
    refusedLines: [
      { line: 6, code: 'invalid_field' },
      { line: 7, code: 'unexpected_field' },
      { line: 9, code: 'not_json' },
      { line: 10, code: 'not_json' },
    ],
  });
  const second = await start(...words).result;
  expect(JSON.parse(second.stdout)).toMatchObject({ transfersPosted: 0, transfersKnown: 3 });
  expect((await engine.inLedger('lines').accounts.get('a')).posted).toBe(12345678901234567880n);
});

it('goes on after kill -9, with each line once and in order', async () => {
  const transfers = 20_000;
  const book = await longBook('killed', transfers);
  const words = ['killed.csv', '--ledger', 'killed', '--json'];

  const { child, result } = start(...words);
  await expect
    .poll(async () => (await book.accounts.get('shop')).version, { interval: 1, timeout: 30_000 })
    .toBeGreaterThan(0n);
  child.kill('SIGKILL');
  expect((await result).exitCode).toBeNull();
  expect((await book.accounts.get('shop')).version).toBeLessThan(BigInt(transfers));

  const again = await start(...words).result;
  const { transfersPosted, transfersKnown } = JSON.parse(again.stdout) as Record<string, number>;
  expect([again.exitCode, Number(transfersPosted) + Number(transfersKnown)]).toEqual([0, transfers]);
  const amounts: bigint[] = [];
  for (let cursor: string | undefined; ; ) {
    const page = await book.accounts.entries('shop', { limit: 1_000, ...(cursor === undefined ? {} : { cursor }) });
    amounts.push(...page.data.map(({ amount }) => amount));
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  expect(amounts.reverse()).toEqual(Array.from({ length: transfers }, (_, index) => BigInt(index + 1)));
});

it('finishes what is under way at Ctrl-C, ends with 130, and goes on from there', async () => {
  const book = await longBook('stopped', 5_000);
  const words = ['stopped.csv', '--ledger', 'stopped', '--json'];
  const sitter = await connect();
  // Within a transaction, the statistics stay as they were first seen.
  const watcher = await connect();
  const { id } = await book.accounts.get('shop');
  await sitter.query('begin');
  await sitter.query('select from micropay.balances where account_id = $1 for update', [id]);

  const { child, result } = start(...words);
  await expect
    .poll(
      async () => {
        const { rows } = await watcher.query(
          `select pid from pg_stat_activity where datname = current_database() and query like '%for no key update%'
           and pid <> pg_backend_pid()`,
        );
        return rows.length;
      },
      { timeout: 30_000 },
    )
    .toBeGreaterThan(0);
  child.kill('SIGINT');
  await wait(500);
  await sitter.query('rollback');
  await Promise.all([sitter.end(), watcher.end()]);
  const { exitCode, stdout, stderr } = await result;
  expect(exitCode).toBe(130);
  expect(stderr).toContain('Run the same command again');
  const { interrupted, transfersPosted } = JSON.parse(stdout) as Record<string, number | boolean>;
  expect([interrupted, BigInt(Number(transfersPosted))]).toEqual([true, (await book.accounts.get('shop')).version]);

  expect((await start(...words).result).exitCode).toBe(0);
  expect((await book.accounts.get('shop')).version).toBe(5_000n);
});

async function connect(): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** A file of that name with transfers of 1, 2, 3 … into `shop`, and the ledger that it is for. */
async function longBook(name: string, transfers: number): Promise<Ledger> {
  const lines = Array.from({ length: transfers }, (_, index) => `world,shop,${index + 1},USD,key-${index}`);
  await writeFile(join(folder, `${name}.csv`), ['from,to,amount,currency,idempotency_key', ...lines].join('\n'));
  const book = engine.inLedger(name);
  for (const address of ['world', 'shop']) await book.accounts.open({ address, currency: 'USD' });
  return book;
}

it.each<[string, string | Buffer, string]>([
  ['a column that nobody knows', 'from,to,sum\na,b,1\n', 'unknown_column: the first line has the unknown column "sum"'],
  [
    'a column that stands there twice',
    'from,to,amount,from\na,b,1,c\n',
    'repeated_column: the first line has the column "from" twice',
  ],
  ['a quote that is not closed', 'from,to,amount,currency\na,b,1,USD\n"a,b,1,USD\n', 'not_csv: line 3 is not CSV'],
  [
    'a quote that is closed far away, which would swallow all between',
    `from,to,amount,currency,description\na,b,1,USD,\na,b,1,USD,"${'x\na,b,1,USD,'.repeat(20_000)}"\n`,
    'not_csv: line 3 is not CSV',
  ],
  [
    'another encoding',
    Buffer.from('from,to,amount,currency\na,b,1,USD\na,b,1,\xe9\n', 'latin1'),
    'not_utf8: line 3 is not UTF-8',
  ],
  ['a line without an end', `from,to\n${'x'.repeat(300_000)}`, 'line_too_long: line 2 has more than'],
])('names the line of %s', async (_, content, message) => {
  await writeFile(join(folder, 'bad.csv'), content);
  const { exitCode, stderr } = await start('bad.csv', '--ledger', 'bad', '--check').result;
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(message) });
});

it('counts lines as an editor does, line ends in quotes included', async () => {
  const lines = [
    'from,to,amount,currency,description',
    'a,b,1,USD,"two',
    'lines"',
    'a,b,no amount,USD,"two',
    'lines"',
    'a',
  ];
  await writeFile(join(folder, 'quoted.csv'), lines.join('\r\n'));
  const { stdout } = await start('quoted.csv', '--file-id', 'q', '--check', '--json').result;
  const { refusedLines } = JSON.parse(stdout) as { refusedLines: { line: number }[] };
  expect(refusedLines.map(({ line }) => line)).toEqual([5, 6]);
});

it('posts nothing twice when a record was put into a file that is imported again by its name', async () => {
  const head = ['from,to,amount,currency,description'];
  const records = Array.from({ length: 20 }, (_, index) => `world,a,${index + 1},USD,"two\nlines"`);
  const book = engine.inLedger('changed');
  for (const address of ['world', 'a']) await book.accounts.open({ address, currency: 'USD' });
  const words = ['changed.csv', '--ledger', 'changed', '--file-id', 'f', '--json'];
  await writeFile(join(folder, 'changed.csv'), [...head, ...records].join('\n'));
  await start(...words).result;
  await writeFile(join(folder, 'changed.csv'), [...head, 'world,a,500,USD,new', ...records].join('\n'));
  const { stdout } = await start(...words).result;
  const { refusedLines } = JSON.parse(stdout) as { refusedLines: { code: string }[] };
  expect(refusedLines.map(({ code }) => code)).toEqual(Array(20).fill('idempotency_key_reused'));
  // Of what has a number that no record had before, only the last is new.
  expect((await book.accounts.get('a')).posted).toBe(210n + 20n);
});

it('judges lines behind one whose account somebody keeps locked after it', async () => {
  const book = createLedger({ database: database.url, name: 'locked', capacity: { accountBusyTimeoutMs: 100 } });
  for (const address of ['world', 'a', 'b', 'c']) await book.accounts.open({ address, currency: 'USD' });
  const { id } = await book.accounts.get('a');
  const holder = await connect();
  await holder.query('begin');
  await holder.query('select from micropay.balances where account_id = $1 for update', [id]);
  const parties = [
    ['c', 'b'],
    ['world', 'a'],
    ['a', 'b'],
    ['b', 'c'],
  ];
  const lines = parties.map(([from = '', to = ''], index) => ({
    kind: 'transfer' as const,
    line: index + 2,
    request: { from, to, amount: 1n, currency: 'USD', idempotencyKey: `k${index}` },
  }));
  const posting = postLines(book, lines);
  await wait(500);
  await holder.query('rollback');
  expect(await posting).toMatchObject({ fresh: 3, known: 0, refused: [{ line: 2, code: 'insufficient_funds' }] });
  await holder.end();
  await book.close();
});

it('posts nothing when the report cannot be written', async () => {
  await writeFile(join(folder, 'one.csv'), 'address,currency\nworld,USD\n');
  const { exitCode, stderr } = await start('one.csv', '--ledger', 'unreported', '--report', 'no/where').result;
  expect({ exitCode, stderr }).toEqual({
    exitCode: 2,
    stderr: 'file_unwritable: no/where cannot be written (ENOENT)\n',
  });
  expect(await engine.inLedger('unreported').accounts.identify('world')).toBeUndefined();
});

it('refuses a line that JSON would not read as it is written, and names the member', async () => {
  const line = (members: string) => `{"from":"world","to":"a","currency":"USD","idempotency_key":"k",${members}}`;
  const lines = [
    line('"amount":"5","amount":"500000"'),
    line('"amount":"5","amoun\\u0074":"500000"'),
    line('"amount":9007199254740990.6'),
    line('"amount":9007199254740993'),
    line('"amount":"5","metadata":{"orderId":9007199254740993}'),
    line('"amount":"5","metadata":{"a":[{"b":1,"b":1}]}'),
    line('"amount":"5","metadata":"{\\"a\\":1,\\"a\\":2}"'),
    line('"amount":"5","__proto__":{}'),
    line('"amount":"5","description":"\\ud800"'),
  ];
  await writeFile(join(folder, 'odd.jsonl'), lines.join('\n'));
  const words = ['odd.jsonl', '--ledger', 'odd', '--check', '--json', '--report', 'odd-refused.jsonl'];
  expect(JSON.parse((await start(...words).result).stdout)).toMatchObject({ lines: 9, refused: 9 });
  const refused = (await readFile(join(folder, 'odd-refused.jsonl'), 'utf8')).trim().split('\n');
  const named = refused.map((text) => JSON.parse(text) as { line: number; code: string; message: string });
  expect(named.map(({ line: number, code, message }) => [number, code, message.split(' is ')[0]])).toEqual([
    [1, 'invalid_field', 'amount'],
    [2, 'invalid_field', 'amount'],
    [3, 'invalid_field', 'amount'],
    [4, 'invalid_field', 'amount'],
    [5, 'invalid_field', 'metadata.orderId'],
    [6, 'invalid_field', 'metadata.a.0.b'],
    [7, 'invalid_field', 'in metadata, a'],
    [8, 'invalid_field', '__proto__'],
    [9, 'invalid_field', 'description holds half a surrogate pair, which'],
  ]);
});
