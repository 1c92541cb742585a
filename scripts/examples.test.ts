import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootDirectory } from './directories.js';

const NOBODY = '127.0.0.1:1';
const AWAY = {
  DATABASE_URL: `postgresql://${NOBODY}/nowhere`,
  KAFKA_BROKERS: NOBODY,
  MICROPAY_URL: `http://${NOBODY}`,
  OPERATOR_API_KEY: 'mpk_of_nobody_at_all',
};
const EXAMPLES = readdirSync(join(rootDirectory, 'examples'));
const BANK_FILE = `trans_id,account_id,date,type,operation,amount,balance,k_symbol,bank,account
1,1,930101,PRIJEM,VKLAD,5.00,5.00,,,
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'micropay-examples-'));
  writeFileSync(join(folder, 'bank.csv'), BANK_FILE);
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The arguments that an example needs. */
function wordsOf(example: string): readonly string[] {
  return example === 'bank-import' ? [join(folder, 'bank.csv')] : [];
}

function run(example: string, words: readonly string[], environment: NodeJS.ProcessEnv) {
  const main = join(rootDirectory, 'examples', example, 'src/main.ts');
  const { PATH } = process.env;
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', main, ...words], {
    cwd: rootDirectory,
    env: { PATH, ...environment },
    encoding: 'utf8',
  });
  return { status, stderr };
}

describe.each(EXAMPLES)('the example %s', (example) => {
  it('says in a sentence what does not answer, and ends with 1', () => {
    const { status, stderr } = run(example, wordsOf(example), AWAY);
    expect(stderr).toMatch(/PostgreSQL|database|Kafka|server/);
    expect(stderr).not.toMatch(/^ +at |\{/m);
    expect(status).toBe(1);
  });

  it('refuses words that it does not know, and ends with 1', () => {
    const { status, stderr } = run(example, ['no', 'such', '--word'], AWAY);
    expect(stderr).toMatch(/--word/);
    expect(stderr).not.toMatch(/^ +at /m);
    expect(status).toBe(1);
  });
});

describe('npm run example:*', () => {
  const runScript = (words: readonly string[], variables: NodeJS.ProcessEnv) =>
    spawnSync(process.execPath, ['scripts/run.js', 'example', ...words], {
      cwd: rootDirectory,
      env: { PATH: process.env.PATH, DATA_DIR: folder, ...variables },
      encoding: 'utf8',
    });

  it('has a script for each example, and no other', () => {
    const { scripts } = JSON.parse(readFileSync(join(rootDirectory, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const named = Object.entries(scripts).filter(([name]) => name.startsWith('example:'));
    const expected = EXAMPLES.map((name) => [`example:${name}`, `node scripts/run.js example ${name}`]);
    expect(named.sort()).toEqual(expected.sort());
  });

  it('refuses an example that is not there, and names those that are', () => {
    const { status, stderr } = runScript(['exchnage'], {});
    expect(stderr).toContain('There is no example "exchnage": it is one of ');
    expect(status).toBe(2);
  });

  it('refuses a slip in DATABASE_URL, and starts no PostgreSQL', () => {
    const { status, stderr } = runScript(['exchange'], { DATABSE_URL: 'postgresql://me@db/prod' });
    expect(stderr).toContain('invalid_configuration: DATABSE_URL is not a setting: did you mean DATABASE_URL?');
    expect(status).toBe(2);
    expect(existsSync(join(folder, 'exchange'))).toBe(false);
  });
});
