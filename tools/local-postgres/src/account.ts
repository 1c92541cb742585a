import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Binaries, copyBinaries } from './binaries.js';

/** The account that runs PostgreSQL, which refuses to run as root, and the programs to run it with. */
export interface Account {
  readonly binaries: Binaries;
  /** Options for `spawn`; empty when PostgreSQL runs as the user that started us. */
  readonly ids: Ids | Record<string, never>;
  /** Words before the program on the command line. */
  readonly prefix: readonly string[];
}

interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** Maps root to an ordinary user inside the namespace; files still belong to root outside of it. */
const USER_NAMESPACE = ['unshare', '--user', '--map-user=1000', '--map-group=1000'] as const;

/**
 * Chooses the account that runs PostgreSQL on `cluster`, a folder in `directory`. An ordinary user runs it himself. Root
 * hands it to the owner of an existing cluster, else to an unprivileged account that reaches the folder, else to a user
 * namespace; and where only the programs are out of reach (a checkout below /root), to a copy of them.
 */
export function chooseAccount(binaries: Binaries, directory: string, cluster: string): Account {
  if (process.getuid?.() !== 0) return { binaries, ids: {}, prefix: [] };

  // The account that owns the cluster must be able to reach it; only that account can read its files.
  chmodSync(directory, 0o711);
  const owner = existsSync(cluster) ? statSync(cluster) : undefined;
  const candidates = owner === undefined ? unprivilegedAccounts() : owner.uid === 0 ? [] : [owner];
  const reaching = candidates.map(({ uid, gid }) => ({ uid, gid })).filter((ids) => reaches(directory, ids));

  for (const ids of reaching) {
    const account = { binaries, ids, prefix: [] };
    if (canRun(account)) return account;
  }
  if (owner === undefined || owner.uid === 0) {
    const account = { binaries, ids: {}, prefix: USER_NAMESPACE };
    if (canRun(account)) return account;
  }
  for (const ids of reaching) {
    const account = { binaries: copyBinaries(binaries, join(directory, 'programs')), ids, prefix: [] };
    if (canRun(account)) return account;
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and no other account of this machine can run it here. Start as an ordinary user, ' +
      'or move the checkout and DATA_DIR to where others can read, or set DATABASE_URL to a PostgreSQL of yours.',
  );
}

/** Gives a file to the account, so that PostgreSQL can read what we wrote. */
export function giveTo(account: Account, file: string): void {
  if (account.ids.uid !== undefined) chownSync(file, account.ids.uid, account.ids.gid);
}

function unprivilegedAccounts(): readonly Ids[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  return ['postgres', 'nobody'].flatMap((name) => {
    const [, , uid, gid] = lines.find((line) => line.startsWith(`${name}:`))?.split(':') ?? [];
    return uid === undefined || gid === undefined ? [] : [{ uid: Number(uid), gid: Number(gid) }];
  });
}

function reaches(directory: string, ids: Ids): boolean {
  return spawnSync('sh', ['-c', 'cd "$1"', 'sh', directory], { ...ids, cwd: '/' }).status === 0;
}

function canRun({ binaries, ids, prefix }: Account): boolean {
  const [command = binaries.postgres, ...words] = [...prefix, binaries.postgres, '--version'];
  return spawnSync(command, words, { ...ids, cwd: '/' }).status === 0;
}
