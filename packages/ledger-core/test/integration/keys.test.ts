import { describe, expect, it } from 'vitest';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();

/** Tables that hold no ledger's rows. */
const OF_NO_LEDGER = [
  // One row a ledger, whose id is the ledger in the keys of all others.
  'ledgers',
  // Releases of the schema.
  'migrations',
  // Whom events are delivered to, of one ledger or of all; how far each has come is of a ledger.
  'event_sinks',
  // Ranges of ids of partitions, which hold rows of all ledgers.
  'sealed_partitions',
];

/** Primary keys, unique indexes behind a constraint or alone, and foreign keys, each with the columns that it names. */
const KEYS = `
  select c.relname as "table", x.relname as key, i.indkey::int2[] as numbers, c.oid
  from pg_index i join pg_class c on c.oid = i.indrelid join pg_class x on x.oid = i.indexrelid
  where i.indisunique and c.relnamespace = 'micropay'::regnamespace
  union all
  select c.relname, k.conname, k.conkey, c.oid
  from pg_constraint k join pg_class c on c.oid = k.conrelid
  where k.contype = 'f' and c.relnamespace = 'micropay'::regnamespace`;

const columnsOf = (key: string) =>
  `(select array_agg(a.attname::text) from pg_attribute a where a.attrelid = ${key}.oid and a.attnum = any(${key}.numbers))`;

describe('every key of a table with rows of a ledger', () => {
  it('every key of a table with rows of a ledger holds the ledger, so that no ledger can take or refuse another’s', async () => {
    const keys = await bed.sql<{ table: string; key: string; columns: string[] }>(
      `select k."table", k.key, ${columnsOf('k')} as columns from (${KEYS}) k order by 1, 2`,
    );
    const ofLedgers = keys.filter(({ table }) => !OF_NO_LEDGER.includes(table));
    expect(ofLedgers.filter(({ columns }) => !columns.includes('ledger'))).toEqual([]);
    expect(ofLedgers.map(({ key }) => key)).toEqual(
      expect.arrayContaining(['transfers_1_pkey', 'transfer_keys_pkey', 'events_pkey', 'accounts_currency_exists']),
    );
  });

  it('every key of a table with rows of a ledger is looked for in all tables but those that have none', async () => {
    const tables = await bed.sql<{ name: string }>(
      `select c.relname as name from pg_class c where c.relnamespace = 'micropay'::regnamespace and c.relkind in ('r', 'p')
         and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'ledger' and a.attnotnull)
       order by 1`,
    );
    expect(tables.map(({ name }) => name)).toEqual([...OF_NO_LEDGER].sort());
  });

  it('every key of a table with rows of a ledger names a table that has one', async () => {
    const keyless = await bed.sql(
      // The journal as a whole has none, and each of its partitions has: a key of the whole would have to hold the position.
      `select c.relname from pg_class c where c.relnamespace = 'micropay'::regnamespace and c.relkind in ('r', 'p')
         and c.relname <> 'transfers' and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary)`,
    );
    expect(keyless).toEqual([]);
  });
});
