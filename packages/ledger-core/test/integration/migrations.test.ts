import { applyMigrations, createLedger, migrate } from '@micropay/ledger-core';
import pg from 'pg';
import { beforeAll, describe, expect, it } from 'vitest';
import { dumpSchema } from '../../dump-schema.js';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed({ isEmpty: true });
const FIRST = '0001-ledger.sql';
let schemas = 0;

/** A schema that no other test uses. */
function newSchema(): string {
  schemas += 1;
  return `book_${schemas}`;
}

async function dump(schema: string): Promise<string> {
  const client = new pg.Client({ connectionString: bed.url });
  await client.connect();
  try {
    return await dumpSchema(client, schema);
  } finally {
    await client.end();
  }
}

describe('migrate', () => {
  it('migrate makes the tables, and says which migrations it applied', async () => {
    const schema = newSchema();
    expect(await migrate({ database: bed.url, schema })).toContain(FIRST);
    await expect(bed.ledger({ schema }).check()).resolves.toBeUndefined();
  });

  it('migrate does nothing the second time', async () => {
    const schema = newSchema();
    await migrate({ database: bed.url, schema });
    const before = await dump(schema);
    expect(await migrate({ database: bed.url, schema })).toEqual([]);
    expect(await dump(schema)).toBe(before);
  });

  it('migrate is applied once by twenty that call it at once', async () => {
    const schema = newSchema();
    const calls = Array.from({ length: 20 }, () => migrate({ database: bed.url, schema }));
    const applied = await Promise.all(calls);
    const names = applied.flat();
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
    expect(names).toContain(FIRST);
    await expect(bed.ledger({ schema }).check()).resolves.toBeUndefined();
  });

  it('migrate makes the same schema whatever it is called', async () => {
    const schema = 'Another "book"';
    await migrate({ database: bed.url, schema });
    await migrate({ database: bed.url, schema: 'plain' });
    expect(await dump(schema)).toBe(await dump('plain'));
  });

  it('migrate works for a role that owns the schema and may make no other', async () => {
    const schema = newSchema();
    await bed.sql(`create role ${schema}_owner login password 'secret'`);
    await bed.sql(`create schema ${schema} authorization ${schema}_owner`);
    const url = new URL(bed.url);
    url.username = `${schema}_owner`;
    url.password = 'secret';
    try {
      expect(await migrate({ database: url.href, schema })).toContain(FIRST);
    } finally {
      await bed.sql(`drop owned by ${schema}_owner cascade`);
      await bed.sql(`drop role ${schema}_owner`);
    }
  });

  it('migrate waits for whoever holds a table for a while', async () => {
    const schema = newSchema();
    await migrate({ database: bed.url, schema });
    const holder = await bed.connect();
    await holder.query('begin');
    await holder.query(`lock table ${schema}.accounts in access share mode`);
    const migrations = [{ name: '0001-more.sql', sql: 'alter table accounts add column note text' }];
    const applying = applyMigrations({ database: bed.url, schema, component: 'more', migrations });
    await new Promise((resolve) => setTimeout(resolve, 200));
    await holder.query('commit');
    expect(await applying).toEqual(['0001-more.sql']);
  });

  it('migrate names the session that keeps its lock, after a while', async () => {
    const schema = newSchema();
    const holder = await bed.connect();
    // As a pooler does that keeps the session of a client that has gone.
    await holder.query(`set application_name = 'stranded'`);
    await holder.query(`select pg_advisory_lock(hashtextextended('micropay migrations "${schema}"', 0))`);
    const { rows } = await holder.query<{ pid: number }>('select pg_backend_pid() as pid');
    const { pid } = rows[0] ?? { pid: 0 };
    const migrating = migrate({ database: bed.url, schema, lockWaitMs: 300 });
    await expect(migrating).rejects.toEqual(
      refusal('database_unavailable', {
        message: expect.stringContaining(`session ${pid} ("stranded")`),
        details: { pid, application: 'stranded', seconds: expect.any(Number) },
      }),
    );
    await holder.query('select pg_advisory_unlock_all()');
    expect(await migrate({ database: bed.url, schema, lockWaitMs: 300 })).toContain(FIRST);
  });

  it('migrate names the session that keeps a table locked, after a while', async () => {
    const schema = newSchema();
    await migrate({ database: bed.url, schema });
    const holder = await bed.connect();
    await holder.query('begin');
    await holder.query(`lock table ${schema}.accounts in access share mode`);
    const migrations = [{ name: '0001-more.sql', sql: 'alter table accounts add column note text' }];
    const applying = applyMigrations({ database: bed.url, schema, component: 'more', migrations, lockWaitMs: 1 });
    await expect(applying).rejects.toEqual(
      refusal('database_unavailable', { message: expect.stringMatching(/session \d+ .* pg_terminate_backend/) }),
    );
    await holder.query('commit');
  });

  it('migrate holds no lock when it has failed', async () => {
    const schema = newSchema();
    const bad = { name: '0001-bad.sql', sql: 'select 1/0' };
    const applying = applyMigrations({ database: bed.url, schema, component: 'test', migrations: [bad] });
    await expect(applying).rejects.toMatchObject({ code: '22012' });
    const locks = `select from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())`;
    expect(await bed.sql(locks)).toEqual([]);
  });

  it('migrate throws the error of PostgreSQL for a migration that names a missing table', async () => {
    const bad = { name: '0001-bad.sql', sql: 'select from nowhere' };
    const options = { database: bed.url, schema: newSchema(), component: 'test', migrations: [bad] };
    await expect(applyMigrations(options)).rejects.toMatchObject({ name: 'error', code: '42P01' });
  });

  it('migrate leaves nothing of a migration that fails, and keeps those before it', async () => {
    const schema = newSchema();
    const good = { name: '0001-good.sql', sql: 'create table good (id int)' };
    const bad = { name: '0002-bad.sql', sql: 'create table half (id int); select 1/0' };
    const applying = applyMigrations({ database: bed.url, schema, component: 'test', migrations: [good, bad] });
    await expect(applying).rejects.toMatchObject({ code: '22012' });
    const mended = { name: '0002-bad.sql', sql: 'create table half (id int)' };
    const again = applyMigrations({ database: bed.url, schema, component: 'test', migrations: [good, mended] });
    expect(await again).toEqual(['0002-bad.sql']);
  });
});

describe('a schema that does not fit the code', () => {
  it('a schema that does not fit the code is outdated before it was migrated: every call says so, and works once it was', async () => {
    const schema = newSchema();
    const ledger = bed.ledger({ schema });
    const request = { from: 'a', to: 'b', amount: 1n, currency: 'USD' };
    const outdated = refusal('schema_outdated', { details: { schema } });
    await expect(ledger.check()).rejects.toEqual(outdated);
    await expect(ledger.transfers.post(request)).rejects.toEqual(outdated);
    await expect(ledger.accounts.list()).rejects.toEqual(outdated);
    await migrate({ database: bed.url, schema });
    await expect(ledger.transfers.post(request)).rejects.toEqual(refusal('account_not_found'));
  });

  it('a schema that does not fit the code is outdated when another component alone was migrated', async () => {
    const schema = newSchema();
    const migrations = [{ name: '0001-other.sql', sql: 'select 1' }];
    await applyMigrations({ database: bed.url, schema, component: 'other', migrations });
    await expect(bed.ledger({ schema }).check()).rejects.toEqual(refusal('schema_outdated'));
  });

  it.each([
    [false, 'schema_newer'],
    [true, null],
  ])(
    'a schema that does not fit the code has a migration that is not known, old code may run: %s',
    async (oldCodeMayRun, code) => {
      const schema = newSchema();
      await migrate({ database: bed.url, schema });
      await bed.sql(`insert into ${schema}.migrations values ('ledger-core', '9999-future.sql', $1)`, [oldCodeMayRun]);
      const outcomes = await Promise.all([
        migrate({ database: bed.url, schema }).then(() => null, codeOf),
        bed
          .ledger({ schema })
          .check()
          .then(() => null, codeOf),
        bed
          .ledger({ schema })
          .accounts.list()
          .then(() => null, codeOf),
      ]);
      expect(outcomes).toEqual([code, code, code]);
    },
  );
});

function codeOf(error: unknown): unknown {
  return (error as { code: unknown }).code;
}

describe('a database that is not to be had', () => {
  let wrong: Record<string, string>;
  beforeAll(() => {
    const changed = (change: (url: URL) => void) => {
      const url = new URL(bed.url);
      change(url);
      return url.href;
    };
    wrong = {
      'a port where nobody listens': changed((url) => {
        url.port = '1';
      }),
      'a host that does not exist': changed((url) => {
        url.hostname = 'no-such-host.invalid';
      }),
      'a wrong password': changed((url) => {
        url.password = 'wrong';
      }),
      'an unknown user': changed((url) => {
        url.username = 'nobody';
      }),
      'an unknown database': changed((url) => {
        url.pathname = '/nothing';
      }),
    };
  });

  it.each([
    ['a port where nobody listens', 'database_unavailable'],
    ['a host that does not exist', 'database_unavailable'],
    ['a wrong password', 'database_misconfigured'],
    ['an unknown user', 'database_misconfigured'],
    ['an unknown database', 'database_misconfigured'],
  ])('a database that is not to be had behind %s: %s', async (what, code) => {
    const database = wrong[what] ?? '';
    const unavailable = refusal(code, { retryable: code === 'database_unavailable' });
    await expect(migrate({ database })).rejects.toEqual(unavailable);
    const ledger = createLedger({ database });
    await expect(ledger.check()).rejects.toEqual(unavailable);
    await expect(ledger.transfers.post({ from: 'a', to: 'b', amount: 1n, currency: 'USD' })).rejects.toEqual(
      unavailable,
    );
    await expect(ledger.close()).resolves.toBeUndefined();
  });
});
