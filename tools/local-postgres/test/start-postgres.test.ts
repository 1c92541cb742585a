import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withClient } from '../src/databases.js';
import { type LocalPostgres, startPostgres, startTemporaryPostgres } from '../src/index.js';
import { processIdentity } from '../src/live-process.js';

const holderScript = fileURLToPath(new URL('hold-postgres.ts', import.meta.url));
let parent: string;
let directory: string;
let running: LocalPostgres[];
let holders: ChildProcess[];

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'micropay-local-postgres-test-'));
  directory = join(parent, 'data');
  running = [];
  holders = [];
});

afterEach(async () => {
  for (const postgres of running) postgres.stop();
  for (const holder of holders) {
    holder.kill('SIGTERM');
    await ended(holder);
  }
  rmSync(parent, { recursive: true });
});

async function start(options: { durable?: boolean; revive?: boolean } = {}): Promise<LocalPostgres> {
  const postgres = await startPostgres({ directory, durable: false, ...options });
  running.push(postgres);
  return postgres;
}

/** Starts PostgreSQL from a process of its own, to be killed. */
async function hold(...words: string[]) {
  const holder = spawn(process.execPath, ['--import', 'tsx', holderScript, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  holders.push(holder);
  let complaints = '';
  holder.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  for await (const line of createInterface(holder.stdout)) {
    return { holder, ...(JSON.parse(line) as { url: string; pid: number }) };
  }
  throw new Error(`the process did not start PostgreSQL: ${complaints}`);
}

function ended(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', resolve));
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await ended(child);
}

function query(url: string, text: string): Promise<unknown[]> {
  return withClient(url, async (client) => (await client.query({ text, rowMode: 'array' })).rows.flat());
}

const isAlive = (pid: number) => processIdentity(pid) !== undefined;

describe('startPostgres', () => {
  it('startPostgres keeps data, password and databases from one start to the next', async () => {
    const first = await start();
    await query(await first.database('shop'), 'create table items as select 7 as id');
    first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await start();
    expect(await query(await second.database('shop'), 'select id from items')).toEqual([7]);
    expect(new URL(second.url).password).toBe(new URL(first.url).password);
  });

  it('startPostgres writes through to the disk when asked to be durable', async () => {
    const postgres = await start({ durable: true });
    expect(
      await query(postgres.url, "select current_setting('fsync') || current_setting('synchronous_commit')"),
    ).toEqual(['onon']);
  });

  it('startPostgres lets nobody in without the password, which only its owner can read', async () => {
    const postgres = await start();
    const wrong = new URL(postgres.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    expect(statSync(join(directory, 'password')).mode & 0o777).toBe(0o600);
    expect(await query(postgres.url, 'select distinct auth_method from pg_hba_file_rules')).toEqual(['scram-sha-256']);
  });

  it('listens on this machine only', async () => {
    const postgres = await start();
    expect(
      await query(
        postgres.url,
        "select current_setting('listen_addresses'), current_setting('unix_socket_directories')",
      ),
    ).toEqual(['127.0.0.1', '']);
  });

  it('startPostgres works in a folder that only its user may enter', async () => {
    const secret = join(parent, 'secret');
    mkdirSync(secret, { mode: 0o700 });
    directory = join(secret, 'data');
    const postgres = await start();
    expect(await query(postgres.url, 'select 1')).toEqual([1]);
  });

  it('startPostgres begins again when the first start was cut short', async () => {
    mkdirSync(join(directory, 'cluster.unfinished', 'base'), { recursive: true });
    const postgres = await start();
    expect(await query(postgres.url, 'select 1')).toEqual([1]);
  });

  it('startPostgres refuses a directory that another process holds, and leaves that one alone', async () => {
    const { holder, url } = await hold(directory);
    await expect(start()).rejects.toThrow(`is in use by process ${holder.pid}`);
    expect(await query(url, 'select 1')).toEqual([1]);
  });

  it('startPostgres refuses a directory where none can be made', async () => {
    directory = '/proc/nowhere/data';
    await expect(start()).rejects.toThrow('No data can be kept in /proc/nowhere/data: set DATA_DIR');
  });

  it.each(['a file', 'a place below a file'])(
    'startPostgres says what to set when the directory is %s',
    async (what) => {
      const file = join(parent, 'file');
      writeFileSync(file, '');
      directory = what === 'a file' ? file : join(file, 'data');
      await expect(start()).rejects.toThrow(`No data can be kept in ${directory}: set DATA_DIR to a folder`);
    },
  );

  it('startPostgres lets one of several have a directory whose holder was killed', async () => {
    const { holder } = await hold(directory);
    await kill(holder);
    const starts = await Promise.allSettled([hold(directory), hold(directory), hold(directory)]);
    expect(starts.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  });

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('startPostgres stops with its process on %s', async (signal) => {
    const { holder, pid } = await hold(directory);
    holder.kill(signal);
    expect(await ended(holder)).toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  it('startPostgres takes over what a killed process left running, and stops it', async () => {
    const { holder, pid, url } = await hold(directory);
    await query(url, 'create table kept as select 1 as id');
    await kill(holder);
    expect(isAlive(pid)).toBe(true);

    const postgres = await start();
    expect(isAlive(pid)).toBe(false);
    expect(await query(postgres.url, 'select id from kept')).toEqual([1]);
    postgres.stop();
    expect(isAlive(postgres.pid)).toBe(false);
  });

  it('startPostgres recovers when process and PostgreSQL were killed', async () => {
    const { holder, pid, url } = await hold(directory);
    await query(url, 'create table kept as select 1 as id');
    process.kill(pid, 'SIGKILL');
    await kill(holder);

    const postgres = await start();
    expect(await query(postgres.url, 'select id from kept')).toEqual([1]);
  });

  it('revives PostgreSQL on the same port when it is killed', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const postgres = await start({ revive: true });
    const first = postgres.pid;
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(query(postgres.url, 'select 1')).resolves.toEqual([1]), {
      timeout: 30_000,
      interval: 100,
    });
    expect(postgres.pid).not.toBe(first);

    postgres.stop();
    expect(isAlive(postgres.pid)).toBe(false);
  });

  it('revives PostgreSQL although connections of the killed one work on and tell the log of their end', async () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const postgres = await start({ revive: true });
    const clients = Array.from({ length: 12 }, () => new Client({ connectionString: postgres.url }));
    for (const client of clients) client.on('error', () => {});
    await Promise.all(clients.map((client) => client.connect()));
    // The log is longer than the part of it that errors quote: a process that writes at the old offset leaves a hole.
    for (const client of clients) await client.query('select 1 / 0').catch(() => {});
    // They do not look up before they are done, one after the other, and until the last their memory is in use.
    for (const [index, client] of clients.entries()) {
      client.query('select count(*) from generate_series(1, $1)', [(index + 1) * 500_000]).catch(() => {});
    }
    await sleep(100);
    process.kill(postgres.pid, 'SIGKILL');
    await vi.waitFor(() => expect(query(postgres.url, 'select 1')).resolves.toEqual([1]), {
      timeout: 60_000,
      interval: 100,
    });
  });

  it('startPostgres says what PostgreSQL said when it does not start, and gives the directory back', async () => {
    (await start()).stop();
    rmSync(join(directory, 'cluster', 'global'), { recursive: true });
    await expect(start()).rejects.toThrow(/did not start[\s\S]*global/);
    await expect(start()).rejects.toThrow(/did not start/);
  });
});

describe('startTemporaryPostgres', () => {
  it('startTemporaryPostgres leaves nothing behind', async () => {
    const postgres = await startTemporaryPostgres({ parent, durable: false });
    expect(readdirSync(parent)).toHaveLength(1);
    postgres.stop();
    expect(readdirSync(parent)).toEqual([]);
  });

  it('removes what a killed process left behind, and nothing that is in use', async () => {
    const abandoned = await hold(parent, 'temporary');
    const used = await hold(parent, 'temporary');
    await kill(abandoned.holder);
    expect(isAlive(abandoned.pid)).toBe(true);

    const postgres = await startTemporaryPostgres({ parent, durable: false });
    running.push(postgres);
    expect(isAlive(abandoned.pid)).toBe(false);
    expect(readdirSync(parent)).toHaveLength(2);
    expect(await query(used.url, 'select 1')).toEqual([1]);
  });
});
