import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time in these, on every machine that Node runs on. */
const TICK_US = 10_000;

/** Microseconds of processor time that a process has used; null if the system does not report it. */
export function cpuOfProcess(pid: number): number | null {
  if (pid === process.pid) {
    const { user, system } = process.cpuUsage();
    return user + system;
  }
  const status = readStatus(pid);
  return status === null ? null : status.ownUs;
}

/** The same for PostgreSQL: its main process, those it started, and those of them that have ended. */
export function cpuOfPostgres(pid: number | undefined): number | null {
  const main = pid === undefined ? null : readStatus(pid);
  if (main === null) return null;
  const children = childrenOf(pid).map((child) => readStatus(child)?.ownUs ?? 0);
  return main.ownUs + main.endedChildrenUs + children.reduce((sum, own) => sum + own, 0);
}

/** Megabytes of memory, a shared page counted in parts; null if the system does not report it. */
export function memoryOf(nodePids: readonly number[], postgresPid: number | undefined): number | null {
  if (postgresPid === undefined) return null;
  const parts = [...nodePids, postgresPid, ...childrenOf(postgresPid)].map(proportionalBytes);
  const known = parts.filter((bytes) => bytes !== null);
  return known.length === 0 ? null : known.reduce((sum, bytes) => sum + bytes, 0) / 1e6;
}

interface Status {
  readonly parent: number;
  readonly ownUs: number;
  readonly endedChildrenUs: number;
}

function readStatus(pid: number): Status | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name stands in parentheses and may hold anything, so the fields are counted from its end.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [parent = 0, user = 0, system = 0, childUser = 0, childSystem = 0] = [1, 11, 12, 13, 14].map((n) => fields[n]);
  return { parent, ownUs: (user + system) * TICK_US, endedChildrenUs: (childUser + childSystem) * TICK_US };
}

function childrenOf(pid: number | undefined): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((other) => readStatus(other)?.parent === pid);
}

function proportionalBytes(pid: number): number | null {
  const match = /^Pss:\s+([0-9]+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`) ?? '');
  return match === null ? null : Number(match[1]) * 1_024;
}

/** Null for a process that has ended meanwhile or belongs to somebody else, and on systems without such files. */
function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
