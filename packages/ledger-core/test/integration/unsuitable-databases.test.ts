import { createLedger, migrate } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { refuseUnsuitable } from '../../src/postgres/session.js';
import { refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
let databases = 0;

/** A database that is made and set up like this, for as long as `work` takes. */
async function withDatabase(options: string, setUp: (name: string) => string, work: (url: string) => Promise<void>) {
  databases += 1;
  const name = `unsuitable_${databases}`;
  await bed.sql(`create database ${name} template template0 ${options}`);
  const set = setUp(name);
  if (set !== '') await bed.sql(set);
  const url = new URL(bed.url);
  url.pathname = `/${name}`;
  try {
    await work(url.href);
  } finally {
    await bed.sql(`drop database ${name} with (force)`);
  }
}

async function expectRefused(database: string, expected: unknown): Promise<void> {
  await expect(migrate({ database })).rejects.toEqual(expected);
  const ledger = createLedger({ database });
  await expect(ledger.check()).rejects.toEqual(expected);
  await expect(ledger.transfers.post({ from: 'a', to: 'b', amount: 1n, currency: 'USD' })).rejects.toEqual(expected);
  await ledger.close();
}

describe('a database that cannot hold every text', () => {
  it.each(['LATIN1', 'SQL_ASCII'])('a database encoded in %s is refused, with what to do', async (encoding) => {
    const options = `encoding '${encoding}' lc_collate 'C' lc_ctype 'C' locale_provider libc`;
    await withDatabase(
      options,
      () => '',
      async (url) => {
        await expectRefused(
          url,
          refusal('database_misconfigured', {
            retryable: false,
            message: expect.stringContaining(`create database … encoding 'UTF8' template template0`),
            details: { reason: 'encoding', encoding },
          }),
        );
      },
    );
  });
});

it('a database that is read-only by its settings is refused at the start, with what to do', async () => {
  const message = expect.stringContaining('default_transaction_read_only');
  const readOnly = refusal('database_unavailable', { message });
  await withDatabase(
    '',
    (name) => `alter database ${name} set default_transaction_read_only = on`,
    async (url) => {
      await expect(migrate({ database: url })).rejects.toEqual(readOnly);
      const ledger = createLedger({ database: url });
      await expect(ledger.checkDatabase()).rejects.toEqual(readOnly);
      await ledger.close();
    },
  );
});

it.each([
  ['is missing', '/nope'],
  ['is a folder', '/'],
])('a certificate file that %s is refused as a fault of the settings', async (_, path) => {
  const url = new URL(bed.url);
  url.searchParams.set('sslmode', 'verify-full');
  url.searchParams.set('sslrootcert', path);
  await expectRefused(url.href, refusal('database_misconfigured', { details: { reason: 'tls' }, retryable: false }));
});

it('a role whose triggers do not fire is refused when it may not change that itself', async () => {
  await bed.sql(`create role replica_role login password 'secret'`);
  await bed.sql('alter role replica_role set session_replication_role = replica');
  const url = new URL(bed.url);
  url.username = 'replica_role';
  url.password = 'secret';
  try {
    const details = { reason: 'session_replication_role' };
    await expectRefused(url.href, refusal('database_misconfigured', { details }));
  } finally {
    await bed.sql('drop role replica_role');
  }
});

/** There is no PostgreSQL 13 here: only what it says of itself is made up. */
it('a PostgreSQL before 14 is refused', () => {
  const suitable = { encoding: 'UTF8', replication_role: 'origin', server_started: '0', read_only: false };
  expect(() => refuseUnsuitable({ ...suitable, version: 13, release: '13.23' })).toThrow(
    refusal('database_misconfigured', { retryable: false, details: { reason: 'version', version: '13.23' } }),
  );
  expect(() => refuseUnsuitable({ ...suitable, version: 14, release: '14.0' })).not.toThrow();
});

it('a server that does not write to disk is reported at the start', async () => {
  const ledger = bed.ledger();
  const [{ fsync } = { fsync: '' }] = await bed.sql<{ fsync: string }>('show fsync');
  const settings = (await ledger.checkDatabase()).map(({ setting }) => setting);
  expect(settings.includes('fsync')).toBe(fsync === 'off');
});
