import type { MigrationLock } from '@micropay/ledger-core';
import type pg from 'pg';

/** Modes as `pg_locks` names them, from the weakest to the strongest. */
const MODES = [
  'AccessShareLock',
  'RowShareLock',
  'RowExclusiveLock',
  'ShareUpdateExclusiveLock',
  'ShareLock',
  'ShareRowExclusiveLock',
  'ExclusiveLock',
  'AccessExclusiveLock',
];

/**
 * The strongest lock that a session holds on each of these tables. A transaction keeps its locks, so at its end they are all that it
 * has taken.
 */
export async function strongestLocks(
  client: pg.ClientBase,
  pid: number,
  tables: readonly string[],
): Promise<Readonly<Record<string, MigrationLock['mode']>>> {
  const { rows } = await client.query<{ table: string; mode: string }>(
    `select relation::regclass::text as table, mode from pg_locks
     where locktype = 'relation' and pid = $1 and relation = any ($2::regclass[])`,
    [pid, tables],
  );
  const strongest: Record<string, string> = {};
  for (const { table, mode } of rows) {
    if (MODES.indexOf(mode) > MODES.indexOf(strongest[table] ?? '')) strongest[table] = mode;
  }
  return Object.fromEntries(Object.entries(strongest).map(([table, mode]) => [table, inWords(mode)]));
}

/** `share row exclusive` of `ShareRowExclusiveLock`. */
function inWords(mode: string): MigrationLock['mode'] {
  return mode
    .replace(/Lock$/, '')
    .replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
    .toLowerCase() as MigrationLock['mode'];
}

/** Tables of the search path that are there now, by name. */
export async function tablesOf(client: pg.ClientBase, schema: string): Promise<readonly string[]> {
  const { rows } = await client.query<{ name: string }>(
    `select relname as name from pg_class where relnamespace = $1::regnamespace and relkind in ('r', 'p')`,
    [schema],
  );
  return rows.map(({ name }) => name);
}

/** The tables whose size decides how long a migration took: those that it wrote anew, or built an index on. */
export async function workedOn(client: pg.ClientBase, schema: string): Promise<Readonly<Record<string, string>>> {
  const { rows } = await client.query<{ name: string; files: string }>(
    `select c.relname as name, concat_ws(',', c.relfilenode, string_agg(i.indexrelid::text, ',' order by i.indexrelid)) as files
     from pg_class c left join pg_index i on i.indrelid = c.oid
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'p') group by c.relname, c.relfilenode`,
    [schema],
  );
  return Object.fromEntries(rows.map(({ name, files }) => [name, files]));
}
