import { applyMigrations, type Migration, migrate, planMigrations } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { readMigrations } from '../../src/postgres/migrate.js';
import { readPlan } from '../../src/postgres/migration-plan.js';
import { useTestBed } from '../support/test-bed.js';
import { strongestLocks, tablesOf, workedOn } from '../support/watched-locks.js';

const bed = useTestBed({ isEmpty: true });
let schemas = 0;

function newSchema(): string {
  schemas += 1;
  return `plan_${schemas}`;
}

function header(lines: Readonly<Record<string, string>>): string {
  return `${Object.entries(lines)
    .map(([name, value]) => `-- ${name}: ${value}`)
    .join('\n')}\n\n`;
}

/** Changes as later releases may make them, each with the plan that is true of it. */
const SAMPLES: readonly Migration[] = [
  ['nothing there', 'none', 'a moment', 'create table notes (id int primary key)'],
  ['a column', 'accounts access exclusive', 'a moment', 'alter table accounts add column note text'],
  [
    'a column written anew',
    'accounts access exclusive',
    'grows with accounts',
    'alter table accounts add column made timestamptz default clock_timestamp()',
  ],
  ['an index', 'accounts share', 'grows with accounts', 'create index accounts_opened on accounts (opened_at)'],
  [
    'a trigger',
    'holds share row exclusive',
    'a moment',
    'create trigger holds_kept before insert on holds for each row execute function refuse_change()',
  ],
  [
    'a foreign key',
    'ledgers share row exclusive, notes share row exclusive',
    'a moment',
    'alter table notes add constraint notes_ledger foreign key (id) references ledgers (id) not valid',
  ],
  [
    'a setting',
    'events share update exclusive',
    'a moment',
    'alter table events set (autovacuum_vacuum_threshold = 100)',
  ],
  ['rows', 'ledgers row exclusive', 'a moment', "update ledgers set time_zone = 'UTC' where id < 0"],
].map(([name, locks, duration, sql], index) => ({
  name: `${String(index + 1).padStart(4, '0')}-${name?.replaceAll(' ', '-')}.sql`,
  sql: `${header({ Locks: locks ?? '', Duration: duration ?? '' })}${sql}`,
}));

const COMPONENTS: readonly (readonly [component: string, migrations: readonly Migration[], needsLedger: boolean])[] = [
  ['ledger-core', await readMigrations(new URL('../../migrations/', import.meta.url)), false],
  ['server', await readMigrations(new URL('../../../server/migrations/', import.meta.url)), true],
  ['samples', SAMPLES, true],
];

describe('the plan of a migration', () => {
  it.each(COMPONENTS)(
    'the plan of each migration is what it locks and works on: %s',
    async (component, all, needsLedger) => {
      const schema = newSchema();
      const database = bed.url;
      if (needsLedger) await migrate({ database, schema });
      const watcher = await bed.connect();
      await watcher.query(`create schema if not exists ${schema}`);
      await watcher.query(`set search_path = ${schema}`);
      const { rows } = await watcher.query<{ pid: number }>('select pg_backend_pid() as pid');
      for (const [index, { name, sql }] of all.entries()) {
        const plan = readPlan(sql);
        expect(plan, name).toMatchObject({ locks: expect.any(Array), growsWith: expect.any(Array) });
        if (!sql.includes(' concurrently ')) {
          const before = await workedOn(watcher, schema);
          await watcher.query('begin');
          const tables = await tablesOf(watcher, schema);
          await watcher.query(sql);
          const taken = await strongestLocks(watcher, rows[0]?.pid ?? 0, tables);
          const after = await workedOn(watcher, schema);
          await watcher.query('rollback');
          expect(taken, name).toEqual(Object.fromEntries(plan.locks?.map(({ table, mode }) => [table, mode]) ?? []));
          const changed = Object.keys(before).filter((table) => before[table] !== after[table]);
          expect(plan.growsWith, name).toEqual(changed);
        }
        await applyMigrations({ database, schema, component, migrations: all.slice(0, index + 1) });
      }
    },
  );

  it('the plan says what others cannot do meanwhile', () => {
    const { locks } = readPlan(
      header({ Locks: 'a share update exclusive, b share, c access exclusive', Duration: 'grows with a, b' }),
    );
    expect(locks?.map(({ table, blocks }) => [table, blocks])).toEqual([
      ['a', 'nothing'],
      ['b', 'writes'],
      ['c', 'reads and writes'],
    ]);
  });

  it.each([{ Locks: 'transfers strongly' }, { Locks: 'none', Duration: 'long' }])(
    'the plan refuses a header that it cannot read: %j',
    (lines) => {
      expect(() => readPlan(header(lines))).toThrow('the header of a migration');
    },
  );
});

describe('planMigrations', () => {
  it('planMigrations lists what migrate would apply, and changes nothing', async () => {
    const database = bed.url;
    const schema = newSchema();
    const plan = await planMigrations({ database, schema });
    expect(plan[0]).toEqual({
      component: 'ledger-core',
      name: '0001-ledger.sql',
      phase: 'before',
      oldCodeMayRun: false,
      locks: [],
      growsWith: [],
      rows: 0,
    });
    expect(await bed.sql('select from pg_namespace where nspname = $1', [schema])).toEqual([]);
    expect(await migrate({ database, schema })).toEqual(plan.map(({ name }) => name));
    expect(await planMigrations({ database, schema })).toEqual([]);
  });

  it('planMigrations estimates the rows that decide how long a migration takes', async () => {
    const database = bed.url;
    const schema = newSchema();
    await migrate({ database, schema });
    await bed.sql(`insert into ${schema}.ledgers (name) select 'l' || n from generate_series(1, 500) n`);
    await bed.sql(`analyze ${schema}.ledgers`);
    const migrations = [
      { name: '0001-zones.sql', sql: `${header({ Locks: 'ledgers share', Duration: 'grows with ledgers' })}select 1` },
      { name: '0002-unknown.sql', sql: 'select 1' },
    ];
    expect(await planMigrations({ database, schema, component: 'more', migrations })).toMatchObject([
      { component: 'more', locks: [{ table: 'ledgers', mode: 'share', blocks: 'writes' }], rows: 500 },
      { locks: null, growsWith: null, rows: 0 },
    ]);
  });
});

describe('the phase of a migration', () => {
  const beforeCode = (name: string, oldCodeMayRun = 'yes') => ({
    name,
    sql: `${header({ 'Old code may run beside it': oldCodeMayRun, Phase: 'before the new code' })}select 1`,
  });
  const afterCode = (name: string) => ({ name, sql: `${header({ Phase: 'after the new code' })}select 1` });

  it('the phase before the new code leaves out what comes last after it', async () => {
    const options = { database: bed.url, schema: newSchema(), component: 'more' };
    const release = [beforeCode('0001'), afterCode('0002')];
    expect(await applyMigrations({ ...options, migrations: release, phase: 'before' })).toEqual(['0001']);
    expect(await planMigrations({ ...options, migrations: release, phase: 'before' })).toEqual([]);
    expect(await planMigrations({ ...options, migrations: release })).toMatchObject([{ name: '0002', phase: 'after' }]);
  });

  it('the phase before the new code refuses what an earlier release has left out, until that release has made up for it', async () => {
    const options = { database: bed.url, schema: newSchema(), component: 'more' };
    const release = [beforeCode('0001'), afterCode('0002')];
    await applyMigrations({ ...options, migrations: release, phase: 'before' });
    const next = [...release, beforeCode('0003'), afterCode('0004')];
    await expect(applyMigrations({ ...options, migrations: next, phase: 'before' })).rejects.toMatchObject({
      code: 'schema_outdated',
      message: `schema "${options.schema}" lacks 0002 of more, which belongs to an earlier release: run "micropay migrate" of that release first`,
      details: { migration: '0002' },
    });
    expect(await applyMigrations({ ...options, migrations: release })).toEqual(['0002']);
    expect(await applyMigrations({ ...options, migrations: next, phase: 'before' })).toEqual(['0003']);
    expect(await applyMigrations({ ...options, migrations: next })).toEqual(['0004']);
  });

  it('the phase before the new code refuses a migration beside which old code may not run', async () => {
    const options = { database: bed.url, schema: newSchema(), component: 'more' };
    await applyMigrations({ ...options, migrations: [beforeCode('0001')] });
    const migrations = [beforeCode('0001'), beforeCode('0002'), beforeCode('0003', 'no')];
    await expect(applyMigrations({ ...options, migrations, phase: 'before' })).rejects.toMatchObject({
      code: 'schema_outdated',
      message: expect.stringContaining('lacks 0003 of more, beside which no process of an earlier release may run'),
    });
    expect(await planMigrations({ ...options, migrations })).toHaveLength(2);
    expect(await applyMigrations({ ...options, migrations })).toEqual(['0002', '0003']);
  });

  it('the phase before the new code installs everything up to its last migration, from many processes at once', async () => {
    const options = { database: bed.url, schema: newSchema(), component: 'more', phase: 'before' as const };
    const migrations = [beforeCode('0001', 'no'), afterCode('0002'), beforeCode('0003', 'no'), afterCode('0004')];
    const applied = await Promise.all(Array.from({ length: 8 }, () => applyMigrations({ ...options, migrations })));
    expect(applied.flat().sort()).toEqual(['0001', '0002', '0003']);
  });
});

describe('an index on a table that may be large', () => {
  const sql = `${header({ Locks: 'accounts share update exclusive', Duration: 'grows with accounts' })}create index concurrently if not exists accounts_opened on accounts (opened_at)`;
  const migrations = [{ name: '0001-opened.sql', sql }];

  it('an index that is built concurrently lets others write, and takes the lock of its plan', async () => {
    const database = bed.url;
    const schema = newSchema();
    await migrate({ database, schema });
    const writer = await bed.connect();
    await writer.query(`set search_path = ${schema}`);
    await writer.query('begin');
    await writer.query('lock table accounts in row exclusive mode');
    const applying = applyMigrations({ database, schema, component: 'more', migrations });
    const waiting = `select pid from pg_stat_activity where wait_event_type = 'Lock' and query like '%index concurrently%' and pid <> pg_backend_pid()`;
    await expect.poll(() => bed.sql(waiting)).toHaveLength(1);
    const [{ pid }] = (await bed.sql<{ pid: number }>(waiting)) as [{ pid: number }];
    expect(await strongestLocks(writer, pid, ['accounts'])).toEqual({ accounts: 'share update exclusive' });
    const other = await bed.connect();
    await other.query(
      `begin; set local lock_timeout = 1000; lock table ${schema}.accounts in row exclusive mode; commit`,
    );
    await writer.query('commit');
    expect(await applying).toEqual(['0001-opened.sql']);
    expect(
      await bed.sql(`select from pg_index where indexrelid = '${schema}.accounts_opened'::regclass and indisvalid`),
    ).toHaveLength(1);
  });

  it('an index whose building failed is dropped and built again', async () => {
    const database = bed.url;
    const schema = newSchema();
    await migrate({ database, schema });
    const writer = await bed.connect();
    await writer.query('begin');
    await writer.query(`lock table ${schema}.accounts in row exclusive mode`);
    const options = { database, schema, component: 'more', migrations };
    await expect(applyMigrations({ ...options, lockWaitMs: 100 })).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringContaining('has held a lock for'),
    });
    const index = `select indisvalid from pg_index where indexrelid = to_regclass('${schema}.accounts_opened')`;
    expect(await bed.sql(index)).toEqual([{ indisvalid: false }]);
    await writer.query('commit');
    expect(await applyMigrations(options)).toEqual(['0001-opened.sql']);
    expect(await bed.sql(index)).toEqual([{ indisvalid: true }]);
  });
});
