import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processIdentity } from './live-process.js';

interface Holder {
  readonly pid: number;
  readonly identity: string | undefined;
}

/**
 * Locks `directory` for this process, and returns a function that unlocks it. The lock of a killed process does not count.
 * If several processes find such a lock at the same time, one of them gets it.
 *
 * @throws Error that names the holder, when another live process has the directory.
 */
export function lockDirectory(directory: string): () => void {
  const lock = join(directory, 'owner.json');
  const mine = JSON.stringify({ pid: process.pid, identity: processIdentity(process.pid) } satisfies Holder);
  const claim = `${lock}.${randomUUID()}`;
  writeFileSync(claim, mine, { mode: 0o600 });
  try {
    if (!tryLink(claim, lock)) {
      removeStale(lock, directory);
      if (!tryLink(claim, lock)) throw inUse(directory, readHolder(lock));
    }
  } finally {
    rmSync(claim, { force: true });
  }
  return () => {
    if (read(lock) === mine) rmSync(lock, { force: true });
  };
}

/** Whether the process that held the directory died without giving it back. */
export function isAbandoned(directory: string): boolean {
  const holder = readHolder(join(directory, 'owner.json'));
  return holder !== undefined && !isAlive(holder);
}

/** A link appears with its content and fails when the name is taken, which makes it the lock. */
function tryLink(claim: string, lock: string): boolean {
  try {
    linkSync(claim, lock);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function removeStale(lock: string, directory: string): void {
  const holder = readHolder(lock);
  if (isAlive(holder)) throw inUse(directory, holder);
  const grave = `${lock}.${randomUUID()}`;
  try {
    renameSync(lock, grave);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  // Between our look and our move another process may have put its own lock there: it gets it back.
  const moved = readHolder(grave);
  if (isAlive(moved)) tryLink(grave, lock);
  rmSync(grave);
}

function isAlive(holder: Holder | undefined): boolean {
  return holder?.identity !== undefined && processIdentity(holder.pid) === holder.identity;
}

function readHolder(lock: string): Holder | undefined {
  const text = read(lock);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Holder;
  } catch {
    // Only a power cut leaves an incomplete file, and its writer is gone.
    return undefined;
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function inUse(directory: string, holder: Holder | undefined): Error {
  const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
  return new Error(
    `The data directory ${directory} is in use by ${who}. Stop it first, or set DATA_DIR to another one.`,
  );
}
