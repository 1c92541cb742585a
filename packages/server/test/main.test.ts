import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '@micropay/local-postgres/testing';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call } from './support/call.js';
import { type MainProcess, runMain } from './support/run-main.js';

const OPERATOR_KEY = 'operator-key-of-this-test';
const running: MainProcess[] = [];

function start(environment: Record<string, string>): MainProcess {
  const main = runMain(environment);
  running.push(main);
  return main;
}

afterEach(async () => {
  for (const main of running.splice(0)) if (main.child.exitCode === null) await main.stop('SIGKILL');
});

it('ends with code 2 when a variable is wrong, and names it', async () => {
  const main = start({ DATABASE_URL: 'mysql://localhost', PORT: 'http' });
  expect(await main.ended()).toBe(2);
  expect(main.output()).toBe(
    'invalid_configuration: DATABASE_URL must look like postgresql://user:password@host:5432/database\n' +
      'PORT must be a whole number from 0 to 65535\n',
  );
});

describe('its words', () => {
  const program = (words: readonly string[], environment: Record<string, string> = {}) => {
    const main = runMain(environment, { words });
    running.push(main);
    return main;
  };

  it.each<[readonly string[], Record<string, string>, string]>([
    [['--prot', '4000'], {}, 'usage: there is no option "--prot": did you mean --port? See micropay serve --help\n'],
    [['--port', '0x10'], {}, 'invalid_configuration: --port must be a whole number from 0 to 65535\n'],
    [
      [],
      { TRUSTED_PROXY: '1' },
      'invalid_configuration: TRUSTED_PROXY is not a setting: did you mean TRUSTED_PROXIES?',
    ],
  ])('arguments %j with %j are refused with code 2', async (words, environment, message) => {
    const main = program(words, { DATABASE_URL: 'postgresql://127.0.0.1:1/x', ...environment });
    expect(await main.ended()).toBe(2);
    expect(main.output()).toContain(message);
    expect(main.output()).not.toContain('    at ');
  });

  it('the server prints its usage or its version without any setting', async () => {
    const help = program(['--help'], { PORT: 'http' });
    expect(await help.ended()).toBe(0);
    for (const word of ['--port NUMBER', '--host ADDRESS', 'TRUSTED_PROXIES', 'KAFKA_BROKERS']) {
      expect(help.output()).toContain(word);
    }
    const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
    const asked = program(['--version']);
    expect(await asked.ended()).toBe(0);
    expect(asked.output()).toBe(`${version}\n`);
  });

  it('options take precedence over the environment', async () => {
    const database = await createEmptyDatabase();
    const main = program(['--port=0', '--host', 'localhost', '--database', database.url], {
      PORT: '1',
      HOST: '203.0.113.1',
    });
    expect(await main.listening()).toMatch(/^http:\/\/127\.0\.0\.1:/);
    expect(await main.stop()).toBe(0);
    await database.drop();
  });
});

it.each(['/dev/null', '/dev/null/nowhere'])('the server ends with code 2 when DATA_DIR is %s', async (path) => {
  const main = start({ DATABASE_URL: 'postgresql://127.0.0.1:1/x', DATA_DIR: path, OPERATOR_API_KEY: OPERATOR_KEY });
  expect(await main.ended()).toBe(2);
  expect(main.output()).toMatch(/^invalid_configuration: DATA_DIR is a file, .*: set it to a folder\n$/);
});

it('the server prints nothing of a DATABASE_URL that is not a URL', async () => {
  const main = start({ DATABASE_URL: 'postgres://app:S3cret/Pass@127.0.0.1:5432/db' });
  expect(await main.ended()).toBe(2);
  expect(main.output()).toMatch(/^invalid_configuration: DATABASE_URL is not a URL: percent-encode/);
  expect(main.output()).not.toContain('S3cret');
});

describe('with a database', () => {
  let database: TestDatabase;
  let directory: string;

  beforeAll(async () => {
    database = await createEmptyDatabase();
    directory = await mkdtemp(join(tmpdir(), 'micropay-server-'));
  });
  afterAll(async () => {
    await database.drop();
    await rm(directory, { recursive: true });
  });

  it('no operator key is lost to a port in use or a folder that cannot be written', async () => {
    const fresh = await createEmptyDatabase();
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const { port } = occupant.address() as { port: number };
    const refused = start({ DATABASE_URL: fresh.url, PORT: String(port) });
    expect(await refused.ended()).toBe(1);
    occupant.close();
    const main = start({ DATABASE_URL: fresh.url, DATA_DIR: join(directory, 'x'.repeat(300)) });
    const url = await main.listening();
    const key = /Operator key, shown this once: (mpk_\S+)/.exec(main.output())?.[1] ?? '';
    expect((await call(url, 'GET /v1/verify', { token: key })).status).toBe(200);
    expect(main.output()).toContain('could not be kept');
    await main.stop();
    await fresh.drop();
  });

  it('the server prints an operator key at the first start only, in a file for its owner', async () => {
    const first = start({ DATABASE_URL: database.url, DATA_DIR: directory });
    const url = await first.listening();
    const key = /Operator key, shown this once: (mpk_\S+)/.exec(first.output())?.[1] ?? '';
    expect((await call(url, 'GET /v1/verify', { token: key })).status).toBe(200);
    const file = join(directory, 'operator-api-key');
    expect((await readFile(file, 'utf8')).trim()).toBe(key);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await first.stop('SIGINT')).toBe(0);

    const second = start({ DATABASE_URL: database.url, DATA_DIR: directory });
    const secondUrl = await second.listening();
    expect(second.output()).not.toContain('shown this once');
    expect((await call(secondUrl, 'GET /v1/verify', { token: key })).status).toBe(200);
    await second.stop();

    const third = start({ DATABASE_URL: database.url, DATA_DIR: directory, OPERATOR_API_KEY: OPERATOR_KEY });
    const thirdUrl = await third.listening();
    expect((await call(thirdUrl, 'GET /v1/verify', { token: OPERATOR_KEY })).status).toBe(200);
    expect((await call(thirdUrl, 'GET /v1/verify', { token: key })).status).toBe(401);
    await third.stop();
    await expect(stat(file)).rejects.toThrow('ENOENT');
  });

  it('operator keys of several databases are kept in one folder, each under its own name', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'micropay-server-'));
    const databases = [await createEmptyDatabase(), await createEmptyDatabase()];
    const shownKey = async (url: string) => {
      const main = start({ DATABASE_URL: url, DATA_DIR: folder });
      await main.listening();
      await main.stop();
      const path = /^operator="\$\(cat '(.*)'\)"$/m.exec(main.output())?.[1];
      return path === undefined ? undefined : readFile(path, 'utf8');
    };
    const keys: unknown[] = [];
    for (const { url } of databases) keys.push(await shownKey(url));
    expect(new Set(keys).size).toBe(2);
    for (const [index, { url }] of databases.entries()) expect(await shownKey(url)).toBe(keys[index]);
    for (const each of databases) await each.drop();
    await rm(folder, { recursive: true });
  });

  it('the first steps that the server prints work in bash, even a second time', async () => {
    const main = start({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY });
    await main.listening();
    const [, steps = ''] = main.output().split('First steps, in another terminal:');
    for (const _time of ['first', 'second']) {
      const { stdout, stderr } = await promisify(execFile)('bash', ['--norc', '-euo', 'pipefail', '-c', steps], {
        env: { ...process.env, OPERATOR_API_KEY: OPERATOR_KEY },
      });
      expect(stderr).toBe('');
      const history = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
      expect(history.data.map(({ amount, balance }: { amount: string; balance: string }) => [amount, balance])).toEqual(
        [
          ['1250', '3750'],
          ['5000', '5000'],
        ],
      );
    }
    await main.stop();
  });

  it('the server writes no secret and no email to its log, at any log level', async () => {
    const main = start({ DATABASE_URL: database.url, OPERATOR_API_KEY: OPERATOR_KEY, LOG_LEVEL: 'trace' });
    const url = await main.listening();
    const body = { email: 'secret.person@example.com', password: 'a very secret password' };
    const { body: session } = await call(url, 'POST /v1/auth/register', { body });
    await call(url, 'POST /v1/auth/register', { body });
    await call(url, 'GET /v1/me', { token: session.accessToken });
    await call(url, 'POST /v1/auth/refresh', { body: { refreshToken: session.refreshToken } });
    await call(url, 'GET /v1/verify', { token: OPERATOR_KEY });
    await main.stop();
    const output = main.output();
    expect(output).toContain('"operation":"register","status":201');
    const password = new URL(database.url).password;
    for (const secret of [...Object.values(body), session.accessToken, session.refreshToken, OPERATOR_KEY, password]) {
      expect(output).not.toContain(secret);
    }
  });

  it('the server says that its port is in use', async () => {
    const occupant = createServer().listen(0, '127.0.0.1');
    await once(occupant, 'listening');
    const { port } = occupant.address() as { port: number };
    const main = start({ DATABASE_URL: database.url, PORT: String(port) });
    expect(await main.ended()).toBe(1);
    expect(main.output()).toMatch(new RegExp(`^port_in_use: port ${port} is in use: .* PORT`, 'm'));
    occupant.close();
  });

  it('the server says that it cannot listen on an address', async () => {
    const main = start({ DATABASE_URL: database.url, HOST: '203.0.113.1' });
    expect(await main.ended()).toBe(1);
    expect(main.output()).toMatch(/^address_unavailable: .* HOST/m);
  });
});

describe('says why it cannot start when the database', () => {
  it.each([
    [
      'does not answer',
      (url: URL) => Object.assign(url, { port: '1' }),
      { code: 'database_unavailable', status: 1, cause: /ECONNREFUSED .*:1$/m },
    ],
    [
      'refuses the user',
      (url: URL) => Object.assign(url, { username: 'nobody_of_that_name' }),
      { code: 'database_misconfigured', status: 2, cause: /nobody_of_that_name/ },
    ],
    [
      'is not there',
      (url: URL) => Object.assign(url, { pathname: '/missing' }),
      { code: 'database_misconfigured', status: 2, cause: /database "missing" does not exist/ },
    ],
  ])('%s', async (_name, spoil, { code, status, cause }) => {
    const database = await createEmptyDatabase();
    const main = start({ DATABASE_URL: spoil(new URL(database.url)).href });
    expect(await main.ended()).toBe(status);
    expect(main.output().split(': ')[0]).toBe(code);
    expect(main.output()).toMatch(cause);
    expect(main.output()).toContain('DATABASE_URL');
    expect(main.output()).not.toContain('    at ');
    await database.drop();
  });

  it.each(['ledger-core', 'server'])('has a newer schema of %s', async (component) => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query(
      `insert into micropay.migrations (component, name, old_code_may_run) values ($1, '9999-later.sql', false)`,
      [component],
    );
    await client.end();
    const main = start({ DATABASE_URL: database.url });
    expect(await main.ended()).toBe(1);
    expect(main.output()).toMatch(/^schema_newer: .*9999-later\.sql/);
    await database.drop();
  });
});
