import { invariant } from '../errors.js';

/** Lock modes of PostgreSQL on tables, from the weakest to the strongest. */
const LOCK_MODES = [
  'access share',
  'row share',
  'row exclusive',
  'share update exclusive',
  'share',
  'share row exclusive',
  'exclusive',
  'access exclusive',
] as const;

export type LockMode = (typeof LOCK_MODES)[number];

/** The phase of an upgrade: `before` the first process of the new release starts, or `after` the last one of the old release has ended. */
export type MigrationPhase = 'before' | 'after';

export interface MigrationLock {
  readonly table: string;
  /** The strongest mode in which the migration locks the table. */
  readonly mode: LockMode;
  /** The operations on the table that other sessions have to wait with meanwhile. */
  readonly blocks: 'nothing' | 'writes' | 'reads and writes';
}

/** The effects of a migration on a database that is in use. */
export interface MigrationPlan {
  /** Locks on tables that are there before the migration; null where its header does not say. */
  readonly locks: readonly MigrationLock[] | null;
  readonly phase: MigrationPhase;
  /** Whether processes of the release before may run after it. */
  readonly oldCodeMayRun: boolean;
  /** The tables whose size decides how long it takes; none where it takes a moment; null where its header does not say. */
  readonly growsWith: readonly string[] | null;
}

const HEADER_LINE = /^-- (Old code may run beside it|Phase|Locks|Duration): (.+)$/gm;
const GROWS_WITH = 'grows with ';

/**
 * Reads the plan from the header of a migration. A test runs each migration and compares the locks that it takes.
 *
 * ```sql
 * -- Old code may run beside it: yes
 * -- Phase: before the new code
 * -- Locks: transfers share, accounts access exclusive
 * -- Duration: grows with transfers
 * ```
 */
export function readPlan(sql: string): MigrationPlan {
  const header = new Map([...sql.matchAll(HEADER_LINE)].map(([, name, value]) => [name, value]));
  const locks = header.get('Locks');
  const duration = header.get('Duration');
  return {
    locks: locks === undefined ? null : listOf(locks).map(readLock),
    phase: header.get('Phase')?.startsWith('after') ? 'after' : 'before',
    oldCodeMayRun: header.get('Old code may run beside it') === 'yes',
    growsWith: duration === undefined ? null : growsWith(duration),
  };
}

function listOf(text: string): readonly string[] {
  return text === 'none' ? [] : text.split(', ');
}

function readLock(text: string): MigrationLock {
  const [table = '', ...words] = text.split(' ');
  const mode = LOCK_MODES.find((mode) => mode === words.join(' '));
  invariant(mode !== undefined, 'the header of a migration names modes of locks');
  return { table, mode, blocks: blocksOf(mode) };
}

/** By the table of conflicts in PostgreSQL's documentation: reads take `access share`, writes `row exclusive`. */
function blocksOf(mode: LockMode): MigrationLock['blocks'] {
  if (mode === 'access exclusive') return 'reads and writes';
  return LOCK_MODES.indexOf(mode) >= LOCK_MODES.indexOf('share') ? 'writes' : 'nothing';
}

function growsWith(duration: string): readonly string[] {
  if (duration.startsWith(GROWS_WITH)) return listOf(duration.slice(GROWS_WITH.length));
  invariant(duration === 'a moment', 'the header of a migration says how long it may take');
  return [];
}

/**
 * The migrations that have to be there before the new code starts. One of phase `after` that others of phase `before` follow
 * belongs to an earlier release: they were written for a schema that has it.
 */
export function upToPhase<Planned extends { readonly sql: string }>(
  migrations: readonly Planned[],
  phase: MigrationPhase,
): readonly Planned[] {
  if (phase === 'after') return migrations;
  return migrations.slice(0, migrations.findLastIndex(({ sql }) => readPlan(sql).phase === 'before') + 1);
}
