import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import { type RunningServer, readConfig, startServer } from '@micropay/server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const OPERATOR_KEY = 'operator-key-of-the-tests';

let database: TestDatabase;
let server: RunningServer;
let directory: string;
let emptyDirectory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'first-payment-'));
  emptyDirectory = join(directory, 'empty');
  await writeFile(join(directory, 'operator-api-key'), `${OPERATOR_KEY}\n`);
  database = await createTestDatabase();
  server = await startServer(
    readConfig({ DATABASE_URL: database.url, PORT: '0', OPERATOR_API_KEY: OPERATOR_KEY, LOG_LEVEL: 'silent' }),
  );
});

afterAll(async () => {
  await server.close();
  await database.drop();
  await rm(directory, { recursive: true });
});

/** Runs the example as a process of its own. */
async function run(environment: Readonly<Record<string, string>>) {
  const { OPERATOR_API_KEY: _, MICROPAY_URL: __, INIT_CWD: ___, ...rest } = process.env;
  const env = { ...rest, DATA_DIR: emptyDirectory, ...environment };
  const child = spawn(process.execPath, ['--import', 'tsx', main], { env });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stdout, stderr };
}

describe('first-payment', () => {
  it('first-payment prints each step, and can be run again', async () => {
    for (let times = 0; times < 2; times++) {
      const { code, stdout, stderr } = await run({ MICROPAY_URL: server.url, OPERATOR_API_KEY: OPERATOR_KEY });
      expect(stderr).toBe('');
      expect(code).toBe(0);
      expect(stdout.replace(/-[0-9a-f]{8}@/g, '@').split('\n')).toEqual([
        'alice@example.com registers and has an empty USD wallet',
        'bob@example.com registers',
        'the operator brings 50.00 USD into the wallet of Alice',
        'Alice pays Bob 12.50 USD and has 37.50 USD left',
        'the same payment, sent again under its key, answers the first one: replayed is true',
        expect.stringContaining('is refused: insufficient_funds: '),
        'the history of Alice, newest first:',
        '    -12.50 USD  balance 37.50 USD  Lunch',
        '    +50.00 USD  balance 50.00 USD',
        '',
      ]);
    }
  });

  it.each([
    ['named in full', () => ({ DATA_DIR: directory })],
    ['named from where npm was called', () => ({ DATA_DIR: basename(directory), INIT_CWD: dirname(directory) })],
    ['named in full, when the variable is empty', () => ({ DATA_DIR: directory, OPERATOR_API_KEY: '' })],
  ])('first-payment finds the key that npm start has kept, in a folder %s', async (_name, environment) => {
    const { code, stderr } = await run({ MICROPAY_URL: server.url, ...environment() });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  it('first-payment shows a kept key to no other machine', async () => {
    const { code, stderr } = await run({ MICROPAY_URL: 'http://pay.example.com', DATA_DIR: directory });
    expect(code).toBe(1);
    expect(stderr).toContain('OPERATOR_API_KEY is not set.');
  });

  it.each([
    ['the key is missing', () => ({ MICROPAY_URL: server.url }), 'OPERATOR_API_KEY is not set'],
    [
      'the key is wrong',
      () => ({ MICROPAY_URL: server.url, OPERATOR_API_KEY: 'another-key-altogether' }),
      'Is OPERATOR_API_KEY the key',
    ],
    [
      'no server runs',
      () => ({ MICROPAY_URL: 'http://127.0.0.1:1', OPERATOR_API_KEY: OPERATOR_KEY }),
      'Start one with npm start',
    ],
  ])('first-payment says what to do when %s', async (_name, environment, advice) => {
    const { code, stderr } = await run(environment());
    expect(code).toBe(1);
    expect(stderr).toContain(advice);
    expect(stderr).not.toContain('    at ');
  });

  it('first-payment says what to do when another server responds', async () => {
    const other = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const { code, stderr } = await run({ MICROPAY_URL: url, OPERATOR_API_KEY: OPERATOR_KEY });
    other.close();
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: `What answers at ${url} is not MicroPay. Set MICROPAY_URL.\n`,
    });
  });
});
