import { randomUUID } from 'node:crypto';
import { type Ledger, maintain, type TransferListOptions } from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import type { PoolConfig } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type JournalPartition, readPartitions, sealPartition } from '../../src/postgres/partitions.js';
import { createStore } from '../../src/postgres/store.js';
import { type Explained, explainStatements, type PlanNode } from '../support/explained.js';
import { expectSound, openWallets, postedOf, refusal, useTestBed } from '../support/test-bed.js';

/** A partition in these tests. */
const POSITIONS = 1_000;
const USD = { amount: 1n, currency: 'USD' } as const;

/** Draws positions up to this one, as if they had been used. */
const drawUpTo = (bed: ReturnType<typeof useTestBed>, position: number | bigint) =>
  bed.sql(`select setval('micropay.event_position', $1)`, [String(position)]);

const maintained = (bed: ReturnType<typeof useTestBed>, more: { readonly database?: string | PoolConfig } = {}) =>
  maintain({ database: bed.url, partitionPositions: POSITIONS, positionsAhead: POSITIONS, ...more });

describe('maintain', () => {
  const bed = useTestBed();
  let ledger: Ledger;

  beforeAll(async () => {
    ledger = bed.ledger();
    await openWallets(ledger, { alice: 1_000n, bob: 0n, carol: 10n, dave: 0n });
  });

  it('maintain does nothing while there is room', async () => {
    const report = await maintain({ database: bed.url });
    expect(report).toMatchObject({ added: [], sealed: [] });
    expect(report.partitions).toEqual([
      { table: 'transfers_1', begins: 0n, ends: 50_000_001n, sealed: false },
      { table: 'transfers_50000001', begins: 50_000_001n, ends: 100_000_001n, sealed: false },
    ]);
    expect(report.positionsLeft).toBeGreaterThan(99_000_000n);
  });

  it('maintain makes the next partition when the last one is begun, once, however many processes call it', async () => {
    await drawUpTo(bed, 50_000_000);
    const before = await maintain({ database: bed.url });
    expect(before).toMatchObject({ added: [] });
    await ledger.transfers.post({ from: 'alice', to: 'bob', ...USD });
    const reports = await Promise.all(Array.from({ length: 20 }, () => maintain({ database: bed.url })));
    expect(reports.flatMap(({ added }) => added)).toEqual(['transfers_100000001']);
    expect(reports.map(({ partitions }) => partitions.length)).toEqual(Array.from({ length: 20 }, () => 3));
  });

  it('maintain makes a partition that is as the migration’s are: columns, indexes, constraints, triggers, storage', async () => {
    const shapes = await bed.sql<{ shape: unknown }>(
      `select json_build_object(
         'columns', (select json_agg(json_build_array(attname, format_type(atttypid, atttypmod), attnotnull, attcollation,
             (select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum)) order by attnum)
           from pg_attribute where attrelid = c.oid and attnum > 0),
         'indexes', (select json_agg(replace(pg_get_indexdef(indexrelid), c.relname, 'part') order by pg_get_indexdef(indexrelid)
             collate "C") from pg_index where indrelid = c.oid),
         'valid', (select bool_and(indisvalid) from pg_index where indrelid = c.oid),
         'constraints', (select json_agg(json_build_array(replace(conname, c.relname, 'part'), pg_get_constraintdef(oid), coninhcount) order by conname)
           from pg_constraint where conrelid = c.oid and contype <> 'n'),
         'triggers', (select json_agg(replace(pg_get_triggerdef(oid), c.relname, 'part') order by tgname)
           from pg_trigger where tgrelid = c.oid),
         'options', c.reloptions) as shape
       from pg_class c where c.relname in ('transfers_50000001', 'transfers_100000001') and c.relkind = 'r'
         and c.relnamespace = 'micropay'::regnamespace`,
    );
    expect(shapes).toHaveLength(2);
    expect(shapes[0]).toEqual(shapes[1]);
  });

  it.each(['transfers_1', 'transfers_50000001', 'transfers_100000001'])(
    'maintain leaves the journal append-only: a superuser’s hand on %s is refused',
    async (table) => {
      for (const statement of [
        `update micropay.${table} set amount = amount`,
        `delete from micropay.${table} where false`,
        `truncate micropay.${table}`,
      ]) {
        await expect(bed.sql(statement)).rejects.toMatchObject({ code: '23001' });
      }
    },
  );

  it('maintain holds up neither posters nor readers, and waits for none of their open transactions', async () => {
    await drawUpTo(bed, 100_000_000);
    await ledger.transfers.post({ from: 'alice', to: 'bob', ...USD });
    const writer = await bed.connect();
    await writer.query('begin');
    await bed
      .ledger()
      .within(fromPg(writer))
      .transfers.post({ from: 'carol', to: 'dave', ...USD });
    const reader = await bed.connect();
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from micropay.transfers');
    const { added } = await maintain({ database: bed.url });
    expect(added).toEqual(['transfers_150000001']);
    await ledger.transfers.post({ from: 'world', to: 'alice', ...USD, amount: 2n });
    await writer.query('commit');
    await reader.query('commit');
    await expectSound(ledger);
  });

  it('maintain gives up after its wait for whoever changes the journal, and names the session', async () => {
    await drawUpTo(bed, 150_000_000);
    await ledger.transfers.post({ from: 'alice', to: 'bob', ...USD });
    const other = await bed.connect();
    await other.query('begin; lock table micropay.transfers in share update exclusive mode');
    const waiting = maintain({ database: bed.url, lockWaitMs: 0 });
    await ledger.transfers.post({ from: 'alice', to: 'bob', ...USD });
    await expect(waiting).rejects.toEqual(
      refusal('database_unavailable', { message: expect.stringMatching(/session \d+/) }),
    );
    await other.query('commit');
    expect((await maintain({ database: bed.url })).added).toEqual(['transfers_200000001']);
  });

  it('maintain makes partitions as large as the last one, unless it is told otherwise', async () => {
    const { partitions } = await ledger.partitions();
    await drawUpTo(bed, (partitions.at(-1)?.ends ?? 0n) - 2n);
    const told = (await maintained(bed)).partitions.at(-1);
    expect((told?.ends ?? 0n) - (told?.begins ?? 0n)).toBe(1_000n);
    await drawUpTo(bed, (told?.ends ?? 0n) - 2n);
    const own = (await maintain({ database: bed.url, positionsAhead: POSITIONS })).partitions.at(-1);
    expect(own).toMatchObject({ begins: told?.ends, ends: (told?.ends ?? 0n) + 1_000n });
  });

  it('maintain keeps ten million positions ahead in ten partitions, however small the last one is', async () => {
    const { partitions, positionsAhead } = await ledger.partitions();
    const end = partitions.at(-1)?.ends ?? 0n;
    expect(positionsAhead).toBe(10_000_000n);
    await drawUpTo(bed, end - 2n);
    const report = await maintain({ database: bed.url });
    expect(report.added).toEqual(Array.from({ length: 10 }, (_, n) => `transfers_${end + BigInt(n) * 1_000_000n}`));
    expect(report.positionsLeft).toBeGreaterThanOrEqual(10_000_000n);
    expect(await maintain({ database: bed.url })).toMatchObject({ added: [], positionsAhead: 10_000_000n });
  });

  it('maintain makes no more than a hundred partitions at once', async () => {
    const { partitions } = await ledger.partitions();
    await drawUpTo(bed, (partitions.at(-1)?.ends ?? 0n) - 1n);
    const report = await maintain({ database: bed.url, partitionPositions: POSITIONS });
    expect(report.added).toHaveLength(100);
    expect(report.positionsLeft).toBe(100_000n);
  });

  it('maintain keeps three hours ahead at the rate of late', async () => {
    const { partitions } = await maintain({ database: bed.url, partitionPositions: 50_000_000 });
    await drawUpTo(bed, (partitions.at(-1)?.begins ?? 0n) + 1_000_000n);
    await ledger.transfers.post({ from: 'world', to: 'alice', ...USD });
    await bed.sql(`select setval('micropay.event_position', nextval('micropay.event_position') + 4000000)`);
    const { positionsAhead } = await ledger.partitions();
    // Four millions in a minute, or in the seven that a slow machine takes.
    expect(positionsAhead).toBeGreaterThan(100_000_000n);
    expect(positionsAhead).toBeLessThanOrEqual((4_000_100n * 10_800n) / 60n);
    const report = await maintain({ database: bed.url });
    expect(report.positionsLeft).toBeGreaterThanOrEqual(report.positionsAhead);
    expect(report.positionsAhead).toBeGreaterThan(100_000_000n);
    expect(report.added.length).toBeLessThanOrEqual(15);
  });

  it.each(['a member of its role', 'a superuser'])(
    'maintain leaves the journal to its owner, if %s makes the partition',
    async (who) => {
      const [owner, member] = [`micropay_owner_${process.pid}`, `micropay_member_${process.pid}`];
      const tables = ['transfers', ...(await ledger.partitions()).partitions.map(({ table }) => table)];
      const [before] = await bed.sql<{ name: string }>('select current_user as name');
      const giveTo = (name: string | undefined) =>
        bed.sql(tables.map((table) => `alter table micropay.${table} owner to "${name}"`).join('; '));
      await bed.sql(`create role ${owner}; create role ${member} login password 'x' in role ${owner};
        grant create, usage on schema micropay to ${owner}; grant select, insert on all tables in schema micropay to ${owner};
        grant usage on sequence micropay.event_position to ${owner}; grant ${owner} to current_user`);
      try {
        await giveTo(owner);
        const end = (await ledger.partitions()).partitions.at(-1)?.ends ?? 0n;
        await drawUpTo(bed, end - 2n);
        const url = new URL(bed.url);
        if (who !== 'a superuser') [url.username, url.password] = [member, 'x'];
        const { added } = await maintained(bed, { database: url.href });
        expect(added).toEqual([`transfers_${end}`]);
        tables.push(...added);
        const owners = await bed.sql('select tableowner from pg_tables where tablename = any($1)', [added]);
        expect(owners).toEqual([{ tableowner: owner }]);
        await ledger.transfers.post({ from: 'world', to: 'alice', ...USD });
      } finally {
        await giveTo(before?.name);
        await bed.sql(`drop owned by ${owner}, ${member}; drop role ${member}; drop role ${owner}`);
      }
    },
  );

  it.each<[string, object]>([
    ['partitionPositions', { partitionPositions: 999 }],
    ['positionsAhead', { positionsAhead: 0 }],
    ['lockWaitMs', { lockWaitMs: -1 }],
    ['schema', { schema: 'pg_x' }],
  ])('maintain refuses a bad %s', async (name, wrong) => {
    await expect(maintain({ database: bed.url, ...wrong })).rejects.toEqual(
      refusal('invalid_request', { message: expect.stringContaining(name) }),
    );
  });

  it('maintain says that a schema has no tables', async () => {
    await expect(maintain({ database: bed.url, schema: 'nowhere' })).rejects.toEqual(refusal('schema_outdated'));
  });

  it('maintain needs the owner of the tables only when a partition is due, and says so', async () => {
    const role = `micropay_maintain_${process.pid}`;
    await bed.sql(`create role ${role} login password 'x'; grant usage on schema micropay to ${role};
      grant select on all tables in schema micropay to ${role}; grant usage on sequence micropay.event_position to ${role}`);
    const url = new URL(bed.url);
    url.username = role;
    url.password = 'x';
    const asRole = () => maintain({ database: url.href, positionsAhead: POSITIONS });
    await maintained(bed);
    try {
      expect(await asRole()).toMatchObject({ added: [] });
      const { partitions } = await ledger.partitions();
      const end = partitions.at(-1)?.ends ?? 0n;
      await drawUpTo(bed, end - 2n);
      await expect(asRole()).rejects.toEqual(refusal('database_misconfigured', { details: { reason: 'grants' } }));
      expect(await maintained(bed)).toMatchObject({ added: [`transfers_${end}`] });
      await maintain({ database: bed.url, partitionPositions: POSITIONS, positionsAhead: 5 * POSITIONS });
      // A partition that is full, and no right to seal it.
      await drawUpTo(bed, end);
      expect(await asRole()).toMatchObject({ added: [], sealed: [] });
      expect((await maintained(bed)).sealed).not.toEqual([]);
    } finally {
      await bed.sql(`drop owned by ${role}; drop role ${role}`);
    }
  });
});

describe('a journal that is full', () => {
  const bed = useTestBed();

  it('a journal that is full refuses every post by its own code, and goes on once it was maintained', async () => {
    const ledger = bed.ledger();
    await openWallets(ledger, { alice: 1_000n, bob: 0n });
    await drawUpTo(bed, 100_000_000);
    const requests = Array.from({ length: 20 }, (_, n) => ({
      from: 'alice',
      to: 'bob',
      ...USD,
      idempotencyKey: `full ${n}`,
    }));
    const { id } = await ledger.requests.submit({ ...(requests[0] as (typeof requests)[0]), idempotencyKey: 'later' });
    const failed = await Promise.allSettled(requests.map((request) => ledger.transfers.post(request)));
    const full = refusal('journal_full', { retryable: true });
    expect(failed.map((one) => one.status === 'rejected' && one.reason)).toEqual(requests.map(() => full));
    const client = await bed.connect();
    await client.query('begin');
    const inside = ledger.within(fromPg(client)).transfers.post({ from: 'alice', to: 'bob', ...USD });
    await expect(inside).rejects.toEqual(full);
    await client.query('rollback');
    await expect(ledger.requests.processRequests()).rejects.toEqual(full);
    expect((await ledger.requests.get(id)).state).toBe('requested');

    expect((await maintained(bed)).added.length).toBeGreaterThan(0);
    await Promise.all(requests.map((request) => ledger.transfers.post(request)));
    expect(await ledger.requests.processRequests()).toMatchObject({ posted: 1 });
    expect(await postedOf(ledger, 'bob')).toBe(21n);
    await expectSound(ledger);
  });
});

describe('a journal in several partitions', () => {
  const bed = useTestBed();
  let explained: Explained;
  let ledger: Ledger;
  /** Transfers in the order of their partitions, one key and id of its caller's each, and one engine's. */
  const posted: { readonly id: string; readonly key: string; readonly given: string }[] = [];

  beforeAll(async () => {
    explained = explainStatements(bed.url);
    ledger = bed.ledger({ database: explained.url });
    await openWallets(ledger, { alice: 10_000n, bob: 0n });
    await drawUpTo(bed, 100_000_000 - POSITIONS);
    for (let part = 0; part < 8; part += 1) {
      await maintained(bed);
      for (let n = 0; n < 3; n += 1) {
        const key = `${part} ${n}`;
        const { id } = await ledger.transfers.post({ from: 'alice', to: 'bob', ...USD, idempotencyKey: key });
        const given = randomUUID();
        await ledger.transfers.post({ from: 'bob', to: 'alice', ...USD, id: given });
        posted.push({ id, key, given });
      }
      await drawUpTo(bed, 100_000_000 + part * POSITIONS);
    }
    await maintained(bed);
  });
  afterAll(() => explained.stop());

  /** The partitions that are read, in order. */
  const partitionsOf = (nodes: readonly PlanNode[]) => [
    ...new Set(
      nodes
        .filter((node) => /^transfers_\d+$/.test(node['Relation Name'] ?? '') && node['Node Type'] !== 'ModifyTable')
        .filter((node) => node['Actual Loops'] > 0)
        .map((node) => node['Relation Name'] as string),
    ),
  ];

  it('a journal in several partitions seals those that are full, and not the one in use', async () => {
    const { partitions, positionsLeft } = await maintained(bed);
    expect(partitions.length).toBeGreaterThanOrEqual(9);
    const open = partitions.filter(({ sealed }) => !sealed);
    expect(open.length).toBeGreaterThanOrEqual(1);
    expect(open.length).toBeLessThanOrEqual(3);
    expect(partitions.findIndex(({ sealed }) => !sealed)).toBe(partitions.length - open.length);
    expect(positionsLeft).toBeGreaterThanOrEqual(BigInt(POSITIONS));
  });

  it('a journal in several partitions gives every transfer back by id, key, page and verify', async () => {
    for (const { id, key, given } of posted) {
      expect((await ledger.transfers.get(id)).id).toBe(id);
      expect((await ledger.transfers.get(given)).id).toBe(given);
      const again = { from: 'alice', to: 'bob', ...USD, idempotencyKey: key };
      expect(await ledger.transfers.post(again)).toMatchObject({ id, replayed: true });
      await expect(ledger.transfers.post({ from: 'alice', to: 'bob', ...USD, id })).rejects.toEqual(
        refusal('transfer_id_reused'),
      );
    }
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await ledger.accounts.entries('bob', { limit: 5, ...(cursor === undefined ? {} : { cursor }) });
      seen.push(...page.data.map(({ transferId }) => transferId));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(posted.flatMap(({ id, given }) => [id, given]).reverse());
    await expectSound(ledger);
  });

  it('a journal in several partitions is asked for an id, a key and new rows in few of them', async () => {
    const [{ id, key, given } = { id: '', key: '', given: '' }] = posted;
    const reads: readonly (readonly [string, number, () => Promise<unknown>])[] = [
      ['an id of long ago', 4, () => ledger.transfers.get(id)],
      ['an id of its caller’s', 1, () => ledger.transfers.get(given)],
      ['a key', 1, () => ledger.transfers.post({ from: 'alice', to: 'bob', ...USD, idempotencyKey: key })],
      ['a new key', 0, () => ledger.transfers.post({ from: 'alice', to: 'bob', ...USD, idempotencyKey: randomUUID() })],
      ['an id that is nowhere', 4, () => ledger.transfers.get(randomUUID()).catch(() => undefined)],
      ['the last position', 3, () => ledger.events.range()],
    ];
    for (const [name, most, work] of reads) {
      // A prepared statement has a generic plan by then.
      for (let time = 0; time < 7; time += 1) {
        const read = partitionsOf(await explained.nodesOf(work));
        expect(read.length, `${name}: ${read}`).toBeLessThanOrEqual(most);
      }
    }
  });

  it('a journal in several partitions checks the instant of a reversal in those that may have the original', async () => {
    const columns = `ledger, from_account, to_account, currency, amount, from_posted, to_posted`;
    const reverse = `insert into micropay.transfers (recorded_at, kind, id, from_version, to_version, original_id, ${columns})
      select recorded_at - make_interval(secs => $2), 'reversal', gen_random_uuid(), 0, 0, id, ${columns}
      from micropay.transfers where id = $1 and position >= $3 and position < $4`;
    const { partitions } = await ledger.partitions();
    for (const { id, given } of [posted[0], posted.at(-1)] as (typeof posted)[number][]) {
      for (const original of [id, given]) {
        const [at] = await bed.sql<{ position: string }>('select position from micropay.transfers where id = $1', [
          original,
        ]);
        const own = partitions.find(({ ends }) => BigInt(at?.position ?? 0) < ends);
        const bounds = [String(own?.begins), String(own?.ends)];
        const client = await bed.connect();
        await client.query('begin');
        await client.query(reverse, [original, 0, ...bounds]);
        const { rows } = await client.query<{ name: string }>(
          `select distinct relname as name from pg_locks join pg_class c on c.oid = relation
           where pid = pg_backend_pid() and relname ~ '^transfers_[0-9]+$'`,
        );
        // The one of the original, which the statement reads too, and those that are not sealed.
        expect(rows.length, rows.map(({ name }) => name).join()).toBeLessThanOrEqual(5);
        const early = client.query(reverse, [original, 60, ...bounds]);
        await expect(early).rejects.toMatchObject({ code: '23514', constraint: 'transfers_effective_after_original' });
        await client.query('rollback');
      }
    }
  });

  it('a journal in several partitions reverses and captures what is in another one', async () => {
    const [{ id } = { id: '' }] = posted;
    await expect(ledger.transfers.reverse(id, { amount: 2n })).rejects.toEqual(refusal('reversal_exceeds_transfer'));
    await ledger.transfers.post({ from: 'world', to: 'bob', ...USD });
    await ledger.transfers.reverse(id);
    await expect(ledger.transfers.reverse(id)).rejects.toEqual(refusal('reversal_exceeds_transfer'));
    await expectSound(ledger);
  });

  it('a key that posts in two partitions at the same time has one winner', async () => {
    const others = Array.from({ length: 40 }, (_, n) => `payer:${n}`);
    await openWallets(ledger, Object.fromEntries(others.map((address) => [address, 10n])));
    const ledgers = [ledger, bed.ledger(), bed.ledger()];
    const { partitions } = await maintained(bed);
    const border = partitions.at(-1)?.begins ?? 0n;
    await drawUpTo(bed, border - 20n);
    const answers = await Promise.allSettled(
      others.map((from, n) =>
        (ledgers[n % ledgers.length] as Ledger).transfers.post({
          from,
          to: 'bob',
          ...USD,
          idempotencyKey: `k${n % 10}`,
        }),
      ),
    );
    const winners = answers.filter(({ status }) => status === 'fulfilled');
    expect(winners).toHaveLength(10);
    const [counted] = await bed.sql<{ keys: number; below: number }>(
      `select count(*)::int as keys, count(*) filter (where position < $1)::int as below
       from micropay.transfer_keys where position > $1::bigint - 21 and kind = 'idempotency'`,
      [String(border)],
    );
    expect(counted?.keys).toBe(10);
    await expectSound(ledger);
  });

  it('a full partition is sealed by one of the processes that maintain at the same time', async () => {
    const current = (await maintained(bed)).partitions.find(({ sealed }) => !sealed);
    await drawUpTo(bed, (current?.ends ?? 0n) + 1n);
    const reports = await Promise.all(Array.from({ length: 10 }, () => maintained(bed)));
    expect(reports.flatMap(({ sealed }) => sealed)).toEqual([current?.table]);
    expect((await maintained(bed)).sealed).toEqual([]);
  });

  it('a partition is sealed by another process while one holds its lock, and not by this one', async () => {
    const current = (await maintained(bed)).partitions.find(({ sealed }) => !sealed);
    await drawUpTo(bed, (current?.ends ?? 0n) + 1n);
    const other = await bed.connect();
    await other.query('begin');
    await other.query(`select pg_advisory_xact_lock(hashtextextended('micropay sealing "micropay"', 0))`);
    expect((await maintained(bed)).sealed).toEqual([]);
    await other.query('rollback');
    expect((await maintained(bed)).sealed).toEqual([current?.table]);
  });

  const idOf = (n: number) => `00000000-0000-0000-0000-${String(n).padStart(12, '0')}`;

  /** Ids are numbers here, those of the engine are named; ten are read at each end. */
  it.each<[string, number, readonly number[], readonly [number, number] | null]>([
    ['ids of callers alone', 30, [], [10, 21]],
    ['an id of the engine in the middle', 30, [15], [10, 21]],
    ['an id of the engine near the first', 30, [3], [3, 21]],
    ['ids of the engine near both ends', 30, [3, 28], [3, 28]],
    ['few ids, of callers alone', 8, [], null],
    ['few ids, one of the engine', 8, [4], [4, 4]],
    ['ids of callers alone, all of which are read', 12, [], null],
    ['no ids', 0, [], null],
  ])('a partition with %s is sealed without being read as a whole', async (_, count, own, range) => {
    const client = await bed.connect();
    const sql = { executeSql: (text: string, values: readonly unknown[]) => client.query(text, [...values]) };
    const store = { ...createStore('micropay'), sql };
    const next = (await readPartitions(store)).at(-1) as JournalPartition;
    await client.query('begin');
    await client.query(
      `insert into micropay.transfers (position, recorded_at, ledger, kind, id, from_version, to_version, from_account, to_account,
         currency, amount, from_posted, to_posted)
       select $1::bigint + n, now(), 1, 'transfer', id, 0, 0, gen_random_uuid(), gen_random_uuid(), 'USD', 1, 0, 0
       from unnest($2::uuid[]) with ordinality given(id, n)`,
      [String(next.begins), Array.from({ length: count }, (__, n) => idOf(n + 1))],
    );
    await client.query(
      `insert into micropay.transfer_keys (position, ledger, key, kind)
       select position, ledger, id, 'id' from micropay.transfers where position >= $1 and id <> all($2::uuid[])`,
      [String(next.begins), own.map(idOf)],
    );
    await sealPartition(store, next, { idsPerPage: 5, pagesMax: 2 });
    const { rows } = await client.query('select first_id, last_id from micropay.sealed_partitions where begins = $1', [
      String(next.begins),
    ]);
    await client.query('rollback');
    const [first, last] = range === null ? [null, null] : range.map(idOf);
    expect(rows).toEqual([{ first_id: first, last_id: last }]);
  });

  it('an open transaction that may still write puts the sealing of its partition off', async () => {
    const before = (await maintained(bed)).partitions;
    const writer = await bed.connect();
    await writer.query('begin');
    await ledger.within(fromPg(writer)).transfers.post({ from: 'world', to: 'bob', ...USD });
    const current = (await maintained(bed)).partitions.find(({ sealed }) => !sealed);
    await drawUpTo(bed, (current?.ends ?? 0n) + 1n);
    expect(await maintained(bed)).toMatchObject({ sealed: [] });
    await writer.query('commit');
    const after = await maintained(bed);
    expect(after.sealed).toContain(current?.table);
    expect(after.partitions.length).toBeGreaterThanOrEqual(before.length);
    await expectSound(ledger);
  }, 30_000);
});

describe('a list of the transfers of many accounts', () => {
  const bed = useTestBed();
  const ACCOUNTS = 40;
  const PARTS = 12;
  let explained: Explained;
  let ledger: Ledger;
  /** In the order of their positions. */
  const posted: string[] = [];

  beforeAll(async () => {
    explained = explainStatements(bed.url);
    ledger = bed.ledger({ database: explained.url });
    const addresses = Array.from({ length: ACCOUNTS }, (_, n) => `users:1:w${n}`);
    await openWallets(ledger, Object.fromEntries(addresses.map((address) => [address, 0n])));
    await drawUpTo(bed, 100_000_000 - POSITIONS);
    for (let part = 0; part < PARTS; part += 1) {
      await drawUpTo(bed, 100_000_000 + (part - 1) * POSITIONS);
      await maintained(bed);
      // One account has many in each partition, some have few in each, and most have one.
      const payees = [...Array.from({ length: 70 }, () => 0), 1, 2, 3, 1, 2, 4 + part * 3, 5 + part * 3];
      for (const n of payees.filter((payee) => payee < ACCOUNTS)) {
        const { id } = await ledger.transfers.post({ from: 'world', to: `users:1:w${n}`, ...USD });
        posted.push(id);
      }
      const between = { from: 'users:1:w0', to: 'users:1:w1', ...USD };
      posted.push((await ledger.transfers.post(between)).id);
    }
  }, 120_000);
  afterAll(() => explained.stop());

  it.each<[TransferListOptions, (ids: readonly string[]) => readonly string[]]>([
    [{ accountPath: 'users:1', limit: 7 }, (ids) => ids.toReversed()],
    [{ accountPath: 'users:1', limit: 200 }, (ids) => ids.toReversed()],
    [{ accountPath: 'users:1', limit: 33, order: 'oldest' }, (ids) => ids],
    [{ accountPath: 'users:1', limit: 7, amountMin: 2n }, () => []],
  ])(
    'a list of many accounts over many partitions is complete and in order: %o',
    async (options, expected) => {
      const seen: string[] = [];
      for (let cursor: string | null | undefined; cursor !== null; ) {
        const page = await ledger.transfers.list({ ...options, ...(cursor === undefined ? {} : { cursor }) });
        seen.push(...page.data.map(({ id }) => id));
        cursor = page.nextCursor;
      }
      expect(seen).toEqual(expected(posted));
    },
    60_000,
  );

  it('a list of many accounts is planned once for all of them, not for each in each partition', async () => {
    const { partitions } = await ledger.partitions();
    const page = await ledger.transfers.list({ accountPath: 'users:1', limit: 50 });
    for (const cursor of [undefined, page.nextCursor as string]) {
      const options = { accountPath: 'users:1', limit: 50, ...(cursor === undefined ? {} : { cursor }) };
      const statements = await explained.statementsOf(() => ledger.transfers.list(options));
      for (const { nodes, text } of statements) {
        const reads = nodes.filter((node) => /^transfers_\d+$/.test(node['Relation Name'] ?? ''));
        expect(reads.length, text).toBeLessThanOrEqual(2 * partitions.length);
      }
    }
  });
});
