import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Account, chooseAccount, giveTo } from './account.js';
import { findBinaries, type Release } from './binaries.js';
import { servesCluster } from './live-process.js';

/** A PostgreSQL data directory, and who may run it. The functions here expect the lock on its folder to be held. */
export interface Cluster {
  readonly release: Release;
  readonly account: Account;
  readonly path: string;
  readonly logFile: string;
  readonly passwordFile: string;
}

const START_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** Finds the cluster of a folder, whether it is there already or has yet to be made. */
export function clusterIn(directory: string, release: Release = 18): Cluster {
  const path = join(directory, 'cluster');
  return {
    release,
    account: chooseAccount(findBinaries(release), directory, path),
    path,
    logFile: join(directory, 'postgres.log'),
    passwordFile: join(directory, 'password'),
  };
}

/** Creates the cluster unless it exists, and returns the superuser's password. */
export function createCluster({ release, account, path, passwordFile }: Cluster, durable: boolean): string {
  if (!existsSync(path)) {
    writeFileSync(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
    giveTo(account, passwordFile);
    // Under another name until it is whole, so that an interrupted start is simply begun again.
    const unfinished = `${path}.unfinished`;
    rmSync(unfinished, { recursive: true, force: true });
    mkdirSync(unfinished, { mode: 0o700 });
    giveTo(account, unfinished);
    const { status, stderr, error } = run(account, account.binaries.initdb, [
      `--pgdata=${unfinished}`,
      '--username=postgres',
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      // Since 17.
      ...(release === 18 ? ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'] : []),
      ...(durable ? [] : ['--no-sync']),
    ]);
    if (status !== 0) throw new Error(`PostgreSQL could not make its data directory: ${error?.message ?? stderr}`);
    renameSync(unfinished, path);
  }
  if (!existsSync(passwordFile)) {
    throw new Error(`${passwordFile} is missing, so the data beside it cannot be opened. Put it back from a backup.`);
  }
  return readFileSync(passwordFile, 'utf8');
}

/** Starts the server without waiting for it. */
export function spawnServer({ account, path, logFile }: Cluster, settings: Readonly<Record<string, string>>) {
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  rmSync(logFile, { force: true });
  // A file of its own: connections of a killed server go on writing to theirs for a while.
  const log = openSync(logFile, 'w', 0o600);
  const [command, words] = commandLine(account, account.binaries.postgres, ['-D', path, ...flags]);
  // A session of its own: Ctrl-C goes to everything in the terminal's group, and the database has to go last.
  const server = spawn(command, words, { ...surroundings(account), stdio: ['ignore', log, log], detached: true });
  // Without a process there is nothing in the log either: untilReady says that it could not be started.
  server.on('error', () => {});
  server.unref();
  closeSync(log);
  return server;
}

/** Waits until the server accepts connections on `port`; if it never does, returns its log. */
export async function untilReady(cluster: Cluster, server: ChildProcess, port: number): Promise<string | undefined> {
  for (const deadline = performance.now() + START_TIMEOUT_MS; performance.now() < deadline; await sleep(POLL_MS)) {
    if (hasEnded(server)) return readFileSync(cluster.logFile, 'utf8').slice(-1_000) || 'nothing: it could not be run';
    const [pid, , , usedPort, , , , state] = readPidFile(cluster);
    if (Number(pid) === server.pid && Number(usedPort) === port && state === 'ready') return undefined;
  }
  return `nothing for ${START_TIMEOUT_MS / 1_000} seconds`;
}

/** Waits until the server's process is gone. */
export function untilEnded(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (hasEnded(server)) resolve();
    else server.once('exit', () => resolve());
  });
}

/** Stops whatever server runs on the cluster, be it left by a killed process, and returns when it is gone. */
export function stopServer(cluster: Cluster, server?: ChildProcess): void {
  const pid = Number(readPidFile(cluster)[0]);
  if (!(pid > 0 && servesCluster(pid, cluster.path))) {
    // In its first moments a server has no pid file yet, which is all that pg_ctl goes by.
    server?.kill('SIGINT');
    return;
  }
  const { pgCtl } = cluster.account.binaries;
  const { stderr } = run(cluster.account, pgCtl, ['stop', `--pgdata=${cluster.path}`, '--mode=fast', '--no-wait']);
  for (const deadline = performance.now() + STOP_TIMEOUT_MS; servesCluster(pid, cluster.path); sleepSync(POLL_MS)) {
    if (performance.now() > deadline) {
      throw new Error(`PostgreSQL (process ${pid}) did not stop within ${STOP_TIMEOUT_MS / 1_000} seconds. ${stderr}`);
    }
  }
}

/** Sleeps in the middle of everything: when a process exits there is no later turn to wait for. */
function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function hasEnded(server: ChildProcess): boolean {
  return server.pid === undefined || server.exitCode !== null || server.signalCode !== null;
}

/** Lines of postmaster.pid: 1 process, 4 port, 8 state. */
function readPidFile({ path }: Cluster): readonly string[] {
  try {
    const lines = readFileSync(join(path, 'postmaster.pid'), 'utf8').split('\n');
    return lines.map((line) => line.trim());
  } catch {
    return [];
  }
}

function run(account: Account, program: string, words: readonly string[]) {
  return spawnSync(...commandLine(account, program, words), { ...surroundings(account), encoding: 'utf8' });
}

function commandLine({ prefix }: Account, program: string, words: readonly string[]): [string, string[]] {
  const [command = program, ...rest] = [...prefix, program, ...words];
  return [command, rest];
}

/** Our environment may hold secrets that the account which runs PostgreSQL should not see, so little of it goes on. */
function surroundings(account: Account) {
  const { PATH, SystemRoot, TEMP } = process.env;
  return { ...account.ids, cwd: '/', env: { PATH, SystemRoot, TEMP, LC_ALL: 'C', TZ: 'UTC' } };
}
