import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { startTemporaryPostgres } from '@micropay/local-postgres';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { rootDirectory } from './directories.js';

const READY_TIMEOUT_MS = 60_000;
const ALICE = { email: 'alice@example.com', password: 'correct horse battery' };

interface Started {
  readonly npm: ChildProcess;
  readonly url: string;
  /** Its output, once it has ended. */
  readonly output: Promise<string>;
}

let dataDirectory: string;
let port: number;
let started: ChildProcess[];

beforeEach(async () => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'micropay-start-test-'));
  port = await freePort();
  started = [];
});

afterEach(async () => {
  for (const npm of started) {
    npm.kill('SIGTERM');
    await exitCode(npm);
  }
  rmSync(dataDirectory, { recursive: true });
});

/** Calls `npm start` as a terminal does: in a process group of its own. */
function npmStart(environment: NodeJS.ProcessEnv = {}, words: readonly string[] = []): Started {
  const { PATH, HOME } = process.env;
  const npm = spawn('npm', ['start', ...words], {
    cwd: rootDirectory,
    detached: true,
    env: { PATH, HOME, DATA_DIR: dataDirectory, PORT: String(port), ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(npm);
  const output = Promise.all([text(npm.stdout), text(npm.stderr)]).then((parts) => parts.join(''));
  return { npm, url: `http://127.0.0.1:${port}`, output };
}

async function readyServer(environment?: NodeJS.ProcessEnv): Promise<Started> {
  const server = npmStart(environment);
  await until(server, async () => (await fetch(`${server.url}/readyz`)).status === 200);
  return server;
}

/** Waits for `condition`, and no longer than the server runs. */
async function until({ npm, output }: Started, condition: () => Promise<boolean>): Promise<void> {
  const isMet = vi.waitUntil(() => condition().catch(() => false), { timeout: READY_TIMEOUT_MS, interval: 100 });
  const hasEnded = exitCode(npm).then(async () => Promise.reject(new Error(`npm start ended:\n${await output}`)));
  await Promise.race([isMet, hasEnded]);
}

async function statusOf(url: string, body: unknown): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })).status;
}

function exitCode(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => child.once('exit', resolve));
}

function signalGroup({ npm }: Started, signal: NodeJS.Signals): void {
  if (npm.pid !== undefined) process.kill(-npm.pid, signal);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

const postgresPidFile = () => join(dataDirectory, 'postgres', 'cluster', 'postmaster.pid');
const postgresPid = () => Number(readFileSync(postgresPidFile(), 'utf8').split('\n')[0]);

/** Sends the head of a request, runs `during`, sends the rest, and returns the first line of the response. */
async function requestAround(url: string, during: () => Promise<void>): Promise<string | undefined> {
  const { port: portOfUrl, hostname } = new URL(url);
  const body = JSON.stringify(ALICE);
  const socket = connect(Number(portOfUrl), hostname);
  const response = text(socket);
  const head = ['POST /v1/auth/login HTTP/1.1', 'Host: test', 'Content-Type: application/json', 'Connection: close'];
  socket.write(`${head.join('\r\n')}\r\nContent-Length: ${body.length}\r\n\r\n${body.slice(0, 5)}`);
  await during();
  socket.write(body.slice(5));
  return (await response).split('\r\n')[0];
}

describe('npm start', () => {
  it('npm start takes options behind "--", which count before the environment', async () => {
    const other = await freePort();
    const started = { ...npmStart({}, ['--', '--port', String(other)]), url: `http://127.0.0.1:${other}` };
    await until(started, async () => (await fetch(`${started.url}/readyz`)).status === 200);
    started.npm.kill('SIGTERM');
    expect(await exitCode(started.npm)).toBe(0);
  });

  it.each<[readonly string[], number, string]>([
    [['--', '--help'], 0, 'Usage: micropay serve [options]'],
    [['--', '--prot', '4000'], 2, 'there is no option "--prot": did you mean --port?'],
    // Without "--" npm takes the option for itself, and passes its value on.
    [['--port', '4000'], 2, 'npm start -- --port 4000'],
  ])('npm start answers %j at once, and starts nothing', async (words, code, text) => {
    const { npm, output } = npmStart({}, words);
    expect(await exitCode(npm)).toBe(code);
    expect(await output).toContain(text);
    expect(existsSync(postgresPidFile())).toBe(false);
  });

  it('npm start refuses a value that is wrong beside a server that runs, and says so', async () => {
    await readyServer();
    const { npm, output } = npmStart({}, ['--', '--port', 'abc']);
    expect(await exitCode(npm)).toBe(2);
    expect(await output).toContain('invalid_configuration: --port must be a whole number from 0 to 65535');
  });

  it('npm start runs as many workers as it is told to', async () => {
    const server = npmStart({ WORKERS: '2', LOG_LEVEL: 'debug' });
    let printed = '';
    for (const stream of [server.npm.stdout, server.npm.stderr]) {
      stream?.on('data', (chunk) => {
        printed += chunk;
      });
    }
    await until(server, async () => printed.includes('MicroPay listens on'));
    // With a new operator key, the first worker says so before the second one listens.
    await until(server, async () => {
      await fetch(`${server.url}/livez`, { headers: { connection: 'close' } });
      return printed.includes('"worker":2');
    });
    server.npm.kill('SIGTERM');
    expect(await exitCode(server.npm)).toBe(0);
    expect(existsSync(postgresPidFile())).toBe(false);
  });

  it.each([
    ['DATABSE_URL', 'DATABASE_URL', {}],
    ['DATA_DRI', 'DATA_DIR', { DATA_DIR: '' }],
  ])('npm start refuses the slip %s, and starts nothing', async (slip, meant, unset) => {
    const { npm, output } = npmStart({ ...unset, [slip]: 'postgresql://me@db/prod' });
    expect(await exitCode(npm)).toBe(2);
    expect(await output).toContain(`invalid_configuration: ${slip} is not a setting: did you mean ${meant}?`);
    expect(existsSync(join(dataDirectory, 'postgres'))).toBe(false);
  });

  it('npm start keeps the data from one start to the next', async () => {
    const first = await readyServer();
    expect(await statusOf(`${first.url}/v1/auth/register`, ALICE)).toBe(201);
    first.npm.kill('SIGTERM');
    expect(await exitCode(first.npm)).toBe(0);
    expect(existsSync(postgresPidFile())).toBe(false);

    const second = await readyServer();
    expect(await statusOf(`${second.url}/v1/auth/login`, ALICE)).toBe(200);
  });

  it('finishes the requests under way on Ctrl-C, and leaves nothing running', async () => {
    const server = await readyServer();
    await statusOf(`${server.url}/v1/auth/register`, ALICE);
    // A terminal sends the signal to everybody in the group, and npm sends it on to us once more.
    const answer = await requestAround(server.url, async () => {
      await new Promise((resolve) => setTimeout(resolve, 200));
      signalGroup(server, 'SIGINT');
      await new Promise((resolve) => setTimeout(resolve, 500));
    });
    expect(answer).toBe('HTTP/1.1 200 OK');
    expect(await exitCode(server.npm)).toBe(0);
    expect(existsSync(postgresPidFile())).toBe(false);
  });

  it('npm start has every acknowledged change after all of it was killed', async () => {
    const first = await readyServer();
    expect(await statusOf(`${first.url}/v1/auth/register`, ALICE)).toBe(201);
    process.kill(postgresPid(), 'SIGKILL');
    signalGroup(first, 'SIGKILL');
    await exitCode(first.npm);

    const second = await readyServer();
    expect(await statusOf(`${second.url}/v1/auth/login`, ALICE)).toBe(200);
  });

  it('npm start goes on when PostgreSQL was killed', async () => {
    const server = await readyServer();
    await statusOf(`${server.url}/v1/auth/register`, ALICE);
    process.kill(postgresPid(), 'SIGKILL');
    await until(server, async () => (await statusOf(`${server.url}/v1/auth/login`, ALICE)) === 200);
  });

  it('npm start stops when npm is killed', async () => {
    const server = await readyServer();
    server.npm.kill('SIGKILL');
    await vi.waitFor(() => expect(existsSync(postgresPidFile())).toBe(false), { timeout: 15_000, interval: 100 });
  });

  it('npm start refuses a data directory that another one serves, and leaves that one alone', async () => {
    const first = await readyServer();
    const second = npmStart({ PORT: '0' });
    expect(await exitCode(second.npm)).toBe(1);
    expect(await second.output).toMatch(/in use by process \d+/);
    expect((await fetch(`${first.url}/readyz`)).status).toBe(200);
  });

  it('npm start says that the port is taken, and leaves nothing running', async () => {
    const taken = createServer().listen(port, '127.0.0.1');
    try {
      const server = npmStart();
      expect(await exitCode(server.npm)).toBe(1);
      expect(await server.output).toContain('port_in_use');
      expect(existsSync(postgresPidFile())).toBe(false);
    } finally {
      taken.close();
    }
  });

  it('embeds nothing when DATABASE_URL is set', async () => {
    const postgres = await startTemporaryPostgres({ durable: false });
    try {
      const server = await readyServer({ DATABASE_URL: await postgres.database('shop') });
      expect(await statusOf(`${server.url}/v1/auth/register`, ALICE)).toBe(201);
      expect(existsSync(join(dataDirectory, 'postgres'))).toBe(false);
      server.npm.kill('SIGTERM');
      expect(await exitCode(server.npm)).toBe(0);
    } finally {
      postgres.stop();
    }
  });
});
