import {
  createLedger,
  createRelay,
  defineDomainEvent,
  deleteDeliveredEvents,
  type Ledger,
  migrate,
} from '@micropay/ledger-core';
import { fromPg } from '@micropay/ledger-core/pg';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { advanceCheckpoints, rebuildCheckpoints } from '../../src/history/checkpoints.js';
import { createStore } from '../../src/postgres/store.js';
import { divideByLedger, partOf } from '../support/divided-schema.js';
import { type Explained, type ExplainedStatement, explainStatements } from '../support/explained.js';
import { numberOf } from '../support/ledger-number.js';
import { createRecordingPublisher } from '../support/recording-publisher.js';
import { expectSound, openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed({ isEmpty: true });
const USD = { amount: 1n, currency: 'USD' } as const;
const PAST = new Date('2026-01-01T00:00:00Z');

let explained: Explained;
let ledger: Ledger;
let other: Ledger;

beforeAll(async () => {
  await migrate({ database: bed.url });
  await divideByLedger(bed.url);
  explained = explainStatements(bed.url);
  ledger = bed.ledger({ database: explained.url, name: 'one' });
  other = bed.ledger({ database: explained.url, name: 'two' });
  for (const each of [ledger, other]) await openWallets(each, { alice: 1_000n, bob: 100n });
  // A connected client does not ask for the schema again.
  await ledger.check();
});
afterAll(() => explained.stop());

const partsOf = ({ nodes }: ExplainedStatement) =>
  new Set(nodes.map((node) => partOf(node['Relation Name'])).filter((part) => part !== undefined));

/** Statements of `work` that touch the rows of more than one part. The plan names parts that are left out at run time, too. */
async function scatteredBy(work: () => Promise<unknown>): Promise<readonly string[]> {
  const statements = await explained.statementsOf(work);
  expect(statements.filter((statement) => partsOf(statement).size === 1).length).toBeGreaterThan(0);
  return scatteredOf(statements);
}

function scatteredOf(statements: readonly ExplainedStatement[]): readonly string[] {
  const scattered = statements.filter((statement) => partsOf(statement).size > 1).map(({ text }) => text);
  return scattered.filter((text) => !OF_ALL_LEDGERS.some((ofAll) => ofAll.test(text)));
}

/**
 * Statements whose purpose is to say of which ledgers something is new, waiting or old, or that move the cursors of several. Rows
 * of a ledger are read and written by none of them.
 */
const OF_ALL_LEDGERS = [
  /^select ledger, sum\(position\)/,
  /^select greatest\(\(select position from \S+ where wakes /,
  /^select l\.id from \S+ l /,
  /^with lags as materialized /,
  /^update \S+ c set position = move\.to_position/,
];

describe('with tables that are divided by ledger, a statement reads and writes one part alone', () => {
  const flows: readonly (readonly [name: string, work: () => Promise<unknown>])[] = [
    [
      'lists transfers by whatever finds them, from page to page',
      async () => {
        await ledger.transfers.postMany(
          Array.from({ length: 3 }, () => ({ from: 'alice', to: 'bob', ...USD, reference: 'r' })),
        );
        const recordedFrom = PAST;
        for (const filter of [{}, { account: 'alice', recordedFrom }, { accountPath: 'alice' }, { reference: 'r' }]) {
          for (const order of ['newest', 'oldest'] as const) {
            const { nextCursor } = await ledger.transfers.list({ ...filter, order, limit: 1 });
            await ledger.transfers.list({ ...filter, order, cursor: nextCursor ?? '' });
          }
        }
        await ledger.transfers.list({ idempotencyKey: 'none' });
        await ledger.transfers.list({ groupId: '0190b7c4-0000-7000-8000-000000000001' });
      },
    ],
    [
      'opens accounts, and finds them by id and address',
      async () => {
        const { id } = await ledger.accounts.open({ address: 'carol', currency: 'EUR', metadata: { n: 1 } });
        await ledger.accounts.get(id);
        await ledger.accounts.get('carol');
        await ledger.accounts.ensure({ address: 'carol', currency: 'EUR' });
        await ledger.accounts.identifyMany([id, 'alice', 'nobody']);
        await ledger.accounts.list({ prefix: 'a' });
        await ledger.accounts.aggregate();
        await ledger.accounts.aggregate({ path: 'alice' });
      },
    ],
    [
      'changes accounts',
      async () => {
        await ledger.accounts.freeze('carol');
        await ledger.accounts.unfreeze('carol');
        await ledger.accounts.setLimits('carol', { minimum: -5n });
        await ledger.accounts.close('carol');
        await ledger.currencies.register({ code: 'GOLD', scale: 4 });
        await ledger.currencies.get('GOLD');
      },
    ],
    [
      'posts, under a key and with an id, and replays both',
      async () => {
        const request = {
          from: 'alice',
          to: 'bob',
          ...USD,
          idempotencyKey: 'k',
          id: '0190b7c4-0000-7000-8000-000000000001',
        };
        // More often than the five times after which PostgreSQL may settle for a generic plan.
        for (let time = 1; time <= 8; time += 1) await ledger.transfers.post(request);
        const many = Array.from({ length: 20 }, (_, n) => ({
          from: 'alice',
          to: 'bob',
          ...USD,
          idempotencyKey: `m${n}`,
        }));
        await ledger.transfers.postMany(many);
        await ledger.transfers.get(request.id);
        await expect(ledger.transfers.post({ ...request, amount: 2n })).rejects.toEqual(
          refusal('idempotency_key_reused'),
        );
      },
    ],
    [
      'posts linked transfers, and takes them back',
      async () => {
        const legs = [
          { from: 'alice', to: 'bob', ...USD },
          { from: 'bob', to: 'world', ...USD },
        ];
        const [first] = await ledger.transfers.postLinked(legs, { idempotencyKey: 'g' });
        await ledger.transfers.postLinked(legs, { idempotencyKey: 'g' });
        await ledger.transfers.getLinked(first?.groupId ?? '');
        await ledger.transfers.reverseLinked(first?.groupId ?? '', { idempotencyKey: 'rg' });
        await ledger.transfers.reversals(first?.id ?? '');
      },
    ],
    [
      'takes a transfer back from an account that has not got it any more',
      async () => {
        await ledger.accounts.open({ address: 'dave', currency: 'USD' });
        const { id } = await ledger.transfers.post({ from: 'alice', to: 'dave', ...USD });
        await ledger.transfers.post({ from: 'dave', to: 'bob', ...USD });
        const options = { allowOverdraft: { by: 'operator:1' }, idempotencyKey: 'overdraft' };
        await ledger.transfers.reverse(id, options);
        await ledger.transfers.reverse(id, options);
      },
    ],
    [
      'holds, captures, releases and expires',
      async () => {
        const place = (more = {}) => ledger.holds.place({ from: 'alice', to: 'bob', ...USD, amount: 10n, ...more });
        const { id } = await place();
        await ledger.holds.capture(id, { amount: 4n });
        await ledger.holds.release(id);
        await ledger.holds.get(id);
        await place({ expiresAt: new Date(Date.now() + 300) });
        await expect.poll(() => ledger.holds.expire(), { interval: 50 }).toBe(1);
        await place({ expiresAt: new Date(Date.now() + 60_000) });
        await ledger.accounts.get('alice');
        await ledger.holds.list('alice', { openOnly: true });
      },
    ],
    [
      'posts in a caller’s transaction, with an event',
      async () => {
        const placed = defineDomainEvent({
          type: 'order.placed.v1',
          topic: 'orders',
          data: z.strictObject({ n: z.int() }),
        });
        const client = new pg.Client({ connectionString: explained.url });
        await client.connect();
        try {
          await client.query('begin');
          const within = ledger.within(fromPg(client));
          const { id } = await within.transfers.post({ from: 'alice', to: 'bob', ...USD, idempotencyKey: 'w' });
          await within.events.write(placed, { subject: id, data: { n: 1 } });
          const hold = await within.holds.place({ from: 'alice', to: 'bob', ...USD });
          await within.holds.capture(hold.id);
          await client.query('commit');
        } finally {
          await client.end();
        }
      },
    ],
    [
      'takes requests, and works them off',
      async () => {
        const submit = (amount: bigint, idempotencyKey: string) =>
          ledger.requests.submit({ from: 'alice', to: 'bob', currency: 'USD', amount, idempotencyKey });
        const { id } = await submit(1n, 'q1');
        await submit(10n ** 9n, 'q2');
        await submit(1n, 'q1');
        await ledger.requests.processRequests();
        await ledger.requests.get(id);
        await ledger.requests.backlog();
      },
    ],
    [
      'posts dated transfers, and reads the past',
      async () => {
        for (const to of ['bob', 'world']) {
          await ledger.transfers.post({ from: 'alice', to, ...USD, effectiveAt: PAST });
        }
        await ledger.accounts.entries('alice', { limit: 3 });
        for (const by of ['recorded', 'effective'] as const) {
          await ledger.accounts.balanceAt('alice', { at: new Date(), by });
          await ledger.trialBalance({ at: new Date(), by });
          await ledger.accounts.statement('alice', { from: '2020-01-01', to: '2100-01-01', by });
        }
        await ledger.trialBalance();
        await ledger.setTimeZone('Europe/Zurich');
      },
    ],
  ];

  it.each(flows)('%s', async (_, work) => {
    expect(await scatteredBy(work)).toEqual([]);
  });

  it('delivers the events that a subscriber has missed', async () => {
    const ending = new AbortController();
    const reader = createLedger({ database: explained.url, name: 'one' });
    const statements = await explained.statementsOf(async () => {
      for await (const events of await reader.events.subscribe({ after: 0n, signal: ending.signal })) {
        if (events.length > 0) ending.abort();
      }
      await reader.close();
    });
    const missed = statements.filter(({ text }) => / position <= \$3 /.test(text));
    expect(new Set(missed.map((statement) => partsOf(statement).size))).toEqual(new Set([1]));
    expect(scatteredOf(statements)).toEqual([]);
  });

  it('delivers to a sink, skips, replays, and deletes what was delivered', async () => {
    const publisher = createRecordingPublisher();
    const relay = createRelay({ database: explained.url, sink: 'all', publisher });
    const statements = await explained.statementsOf(async () => {
      relay.start();
      await expect.poll(async () => (await relay.status()).rows).toBe(0);
      await expect.poll(() => publisher.first().length).toBeGreaterThan(0);
      const { position } = await relay.lag('one');
      await relay.replay('one', 0n);
      await expect.poll(async () => (await relay.lag('one')).rows).toBe(0);
      await relay.open('two', await relay.findEnd('two'));
      await relay.skip('two', await relay.findEnd('two'));
      await deleteDeliveredEvents({ database: explained.url, before: new Date(Date.now() + 60_000), ageMinMs: 0 });
      expect((await ledger.events.range()).last).toBe(position);
      await relay.stop();
    });
    expect(statements.filter((statement) => partsOf(statement).size === 1).length).toBeGreaterThan(0);
    expect(scatteredOf(statements)).toEqual([]);
    expect(new Set(publisher.first().map((event) => event.ledger))).toEqual(new Set(['one', 'two']));
  });

  it('advances checkpoints, and makes them anew', async () => {
    const own = { ...createStore('micropay'), ledger: await numberOf(bed, 'one') };
    const pool = new pg.Pool({ connectionString: explained.url, max: 1 });
    const sizes = { stretch: 5, accountPart: 2, ledgerPart: 3, mark: 2 };
    try {
      const scattered = await scatteredBy(async () => {
        expect((await advanceCheckpoints(pool, own, sizes)).position).toBeGreaterThan(0n);
        await rebuildCheckpoints(pool, own, sizes);
      });
      expect(scattered).toEqual([]);
    } finally {
      await pool.end();
    }
  });

  it('verifies', async () => {
    for (const each of [ledger, other]) expect(await scatteredBy(() => expectSound(each))).toEqual([]);
  });
});
