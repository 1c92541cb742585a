import type { Ledger, TransferKind } from '@micropay/ledger-core';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { advanceCheckpoints, rebuildCheckpoints } from '../../src/history/checkpoints.js';
import { propertyOptions } from '../support/counts.js';
import { type MadeJournal, type MadeRow, makeJournal, moves } from '../support/journal.js';
import { numberOf, storeOf } from '../support/ledger-number.js';
import { openWallets, refusal, useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const DAY = 86_400_000;
const EPOCH = Date.parse('2026-01-01T00:00:00Z');
const ACCOUNTS = 4;
/** So small that a dozen rows have every kind of checkpoint. */
const SIZES = { stretch: 5, accountPart: 2, ledgerPart: 3, mark: 2 };

let pool: pg.Pool;
let made = 0;

beforeAll(() => {
  pool = new pg.Pool({ connectionString: bed.url, max: 2 });
});
afterAll(() => pool.end());

type Step =
  | { readonly do: 'write'; readonly rows: readonly RowPlan[] }
  | { readonly do: 'advance' | 'rebuild' | 'burn' };

interface RowPlan {
  readonly from: number;
  readonly to: number;
  readonly amount: bigint;
  readonly kind: TransferKind;
  readonly afterMs: number;
  readonly jitterMs: number;
  /** Days before or after it was recorded, at a few hours of the day, so that instants meet; null for none. */
  readonly effective: { readonly days: number; readonly hour: number } | null;
}

const rowPlan: fc.Arbitrary<RowPlan> = fc.record({
  from: fc.nat(ACCOUNTS - 1),
  to: fc.nat(ACCOUNTS - 2),
  amount: fc.bigInt(1n, 10n ** 30n),
  kind: fc.constantFrom('transfer', 'transfer', 'transfer', 'capture', 'reversal', 'hold', 'release', 'expiry'),
  afterMs: fc.constantFrom(0, 1, DAY / 3, DAY),
  // Transactions of different accounts read the clock in one order and write in another.
  jitterMs: fc.constantFrom(0, 0, 5, DAY),
  effective: fc.option(fc.record({ days: fc.integer({ min: -9, max: 3 }), hour: fc.constantFrom(0, 0, 0, 12) })),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('write' as const), rows: fc.array(rowPlan, { maxLength: 14 }) }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ do: 'advance' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'rebuild' }) },
  { weight: 1, arbitrary: fc.constant<Step>({ do: 'burn' }) },
);

/** Recorded time never runs backwards within an account; across accounts it may. */
function toRows(plans: readonly RowPlan[], journal: MadeJournal): MadeRow[] {
  const last = new Array<number>(ACCOUNTS).fill(EPOCH);
  let now = EPOCH;
  for (const { from, to, recordedMs } of journal.rows) {
    last[from] = recordedMs;
    last[to] = recordedMs;
    now = Math.max(now, recordedMs);
  }
  return plans.map((plan) => {
    const to = plan.to >= plan.from ? plan.to + 1 : plan.to;
    now += plan.afterMs;
    const recordedMs = Math.max(now - plan.jitterMs, last[plan.from] ?? 0, last[to] ?? 0);
    last[plan.from] = recordedMs;
    last[to] = recordedMs;
    const { effective } = plan;
    const day = Math.floor(recordedMs / DAY) * DAY;
    const effectiveMs = effective === null ? null : day + effective.days * DAY + effective.hour * 3_600_000;
    return { from: plan.from, to, amount: plan.amount, kind: plan.kind, recordedMs, effectiveMs };
  });
}

const instantOf = (row: MadeRow, by: 'recorded' | 'effective') =>
  by === 'recorded' ? row.recordedMs : (row.effectiveMs ?? row.recordedMs);

function naive(rows: readonly MadeRow[], account: number | null, at: number, by: 'recorded' | 'effective') {
  const counted = rows.filter((row) => moves(row) && instantOf(row, by) <= at);
  const sum = (side: 'from' | 'to', odd?: number) =>
    counted
      .filter((row) => (account === null ? row[side] % 2 === odd : row[side] === account))
      .reduce((total, { amount }) => total + amount, 0n);
  if (account !== null) return (sum('from') - sum('to')) * (account % 2 === 1 ? 1n : -1n);
  return { asset: [sum('from', 1), sum('to', 1)], liability: [sum('from', 0), sum('to', 0)] };
}

/** Every instant at which something changes, and the ones around it. */
function instantsOf(rows: readonly MadeRow[]): readonly number[] {
  const changes = rows.flatMap((row) => [row.recordedMs, row.effectiveMs ?? row.recordedMs]);
  return [...new Set(changes.flatMap((ms) => [ms - 1, ms, ms + 1]))];
}

async function expectAsNaive(ledger: Ledger, journal: MadeJournal, choose: (bound: number) => number): Promise<void> {
  const instants = [...instantsOf(journal.rows), EPOCH - 99 * DAY, EPOCH + 999 * DAY];
  for (let count = 0; count < 6; count += 1) {
    const ms = instants[choose(instants.length)] ?? EPOCH;
    const at = new Date(ms);
    const account = choose(ACCOUNTS);
    for (const by of ['recorded', 'effective'] as const) {
      const { posted } = await ledger.accounts.balanceAt(String(account), { at, by });
      expect({ by, at, account, posted }).toEqual({ by, at, account, posted: naive(journal.rows, account, ms, by) });
      const { lines, balanced } = await ledger.trialBalance({ at, by });
      const found = Object.fromEntries(lines.map(({ type, debits, credits }) => [type, [debits, credits]]));
      expect({ by, at, ...found }).toEqual({ by, at, ...(naive(journal.rows, null, ms, by) as object) });
      expect(balanced).toBe(true);
    }
  }
}

/** Ignores what verify reports about the rows themselves, because they are made up. */
async function expectCheckpointsInStep(ledger: Ledger, entriesPerChunk: number): Promise<void> {
  const { problems } = await ledger.verify({ pace: 'full', accountsPerChunk: 3, entriesPerChunk });
  expect(problems.filter(({ kind }) => kind === 'checkpoint_out_of_step')).toEqual([]);
}

/** A statement of some period, read in pages of some size, lists what the plain list does. */
async function expectStatement(ledger: Ledger, journal: MadeJournal, choose: (bound: number) => number): Promise<void> {
  const instants = [...instantsOf(journal.rows), EPOCH, EPOCH + DAY].sort((a, b) => a - b);
  const first = choose(instants.length - 1);
  const from = instants[first] ?? 0;
  const to = instants.slice(first).find((ms) => ms > from + choose(3) * DAY) ?? from + 1;
  const account = choose(ACCOUNTS);
  for (const by of ['recorded', 'effective'] as const) {
    const period = { from: new Date(from), to: new Date(to), by };
    const statement = await ledger.accounts.statement(String(account), { ...period, limit: 1 + choose(4) });
    const entries: { amount: bigint; balance: bigint }[] = [];
    for await (const { amount, balance } of statement.all()) entries.push({ amount, balance });
    const naively = naiveEntries(journal.rows, account, period);
    expect({ by, from, to, entries }).toEqual({ by, from, to, entries: naively });
    expect(statement.opening).toBe(naive(journal.rows, account, from - 1, by));
    expect(statement.closing).toBe(naive(journal.rows, account, to - 1, by));
    expect(entries.at(-1)?.balance ?? statement.opening).toBe(statement.closing);
  }
}

function naiveEntries(
  rows: readonly MadeRow[],
  account: number,
  { from, to, by }: { readonly from: Date; readonly to: Date; readonly by: 'recorded' | 'effective' },
) {
  let balance = naive(rows, account, from.getTime() - 1, by) as bigint;
  return rows
    .filter((row) => moves(row) && (row.from === account || row.to === account))
    .filter((row) => instantOf(row, by) >= from.getTime() && instantOf(row, by) < to.getTime())
    .sort((a, b) => instantOf(a, by) - instantOf(b, by) || rows.indexOf(a) - rows.indexOf(b))
    .map((row) => {
      balance += (row.from === account) === (account % 2 === 1) ? row.amount : -row.amount;
      return { amount: row.amount, balance };
    });
}

describe('a balance as of an instant', () => {
  it('a balance as of an instant is the plain sum, and a statement the plain list, whatever was recorded when, and wherever the checkpoints are', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 2, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        async (steps, choices) => {
          made += 1;
          const ledger = bed.ledger({ name: `made-${made}` });
          try {
            const journal = await makeJournal(bed, ledger, ACCOUNTS);
            const choose = (bound: number) => Number(choices.next().value) % bound;
            for (const one of steps) {
              if (one.do === 'write') await journal.write(toRows(one.rows, journal));
              if (one.do === 'advance') await advanceCheckpoints(pool, await storeOf(bed, ledger.name), SIZES);
              if (one.do === 'rebuild') await rebuildCheckpoints(pool, await storeOf(bed, ledger.name), SIZES);
              if (one.do === 'burn') await bed.sql(`select nextval('micropay.event_position')`);
              await expectAsNaive(ledger, journal, choose);
              await expectStatement(ledger, journal, choose);
            }
            await expectCheckpointsInStep(ledger, 20 + choose(40));
          } finally {
            await ledger.close();
          }
        },
      ),
      propertyOptions(150, 600_000),
    );
  }, 700_000);
});

describe('asked of the engine', () => {
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = bed.ledger({ name: 'posted' });
    await openWallets(ledger, { alice: 100n });
  });

  it('balanceAt counts transfers recorded at the very instant, and none after it', async () => {
    const transfer = await ledger.transfers.post({ from: 'world', to: 'alice', amount: 7n, currency: 'USD' });
    const at = transfer.recordedAt;
    const { posted, version } = await ledger.accounts.get('alice');
    expect(version).toBe(2n);
    expect(await ledger.accounts.balanceAt('alice', { at })).toEqual({
      at,
      by: 'recorded',
      posted,
      pendingIn: 0n,
      pendingOut: 0n,
    });
    expect(await ledger.trialBalance({ at })).toEqual(await ledger.trialBalance());
    const before = { at: new Date('2020-01-01'), by: 'effective' } as const;
    expect(await ledger.accounts.balanceAt('alice', before)).toEqual({ ...before, posted: 0n });
  });

  it('balanceAt counts a transfer dated in the past from then on, by effective time only', async () => {
    const effectiveAt = new Date('2001-02-03T04:05:06.789Z');
    await ledger.transfers.post({ from: 'world', to: 'alice', amount: 5n, currency: 'USD', effectiveAt });
    const posted = async (at: Date | string, by: 'recorded' | 'effective') =>
      (await ledger.accounts.balanceAt('alice', { at, by })).posted;
    expect(await posted(effectiveAt, 'recorded')).toBe(0n);
    expect(await posted('2001-02-03T04:05:06.788Z', 'effective')).toBe(0n);
    expect(await posted(effectiveAt, 'effective')).toBe(5n);
    expect(await posted('2001-02-03', 'effective')).toBe(5n);
    expect(await posted('2001-02-02', 'effective')).toBe(0n);
  });

  it('balanceAt reads days in the ledger’s time zone', async () => {
    expect(await ledger.timeZone()).toBe('UTC');
    // 04:05 in UTC is still the day before in New York.
    expect(await ledger.setTimeZone('america/new_york')).toBe('America/New_York');
    expect(await ledger.timeZone()).toBe('America/New_York');
    const { at, posted } = await ledger.accounts.balanceAt('alice', { at: '2001-02-02', by: 'effective' });
    expect({ at, posted }).toEqual({ at: new Date('2001-02-03T04:59:59.999Z'), posted: 5n });
    await ledger.setTimeZone('UTC');
  });

  it.each([
    [{ at: 'yesterday' }, 'invalid_request'],
    [{ at: new Date(Number.NaN) }, 'invalid_request'],
    [{ at: '2026-01-01', by: 'posted' }, 'invalid_request'],
  ])('refuses %j', async (asOf, code) => {
    await expect(ledger.accounts.balanceAt('alice', asOf as never)).rejects.toEqual(refusal(code));
    await expect(ledger.trialBalance(asOf as never)).rejects.toEqual(refusal(code));
  });

  it('balanceAt refuses a missing account, and setTimeZone an unknown zone', async () => {
    const missing = ledger.accounts.balanceAt('nobody', { at: '2026-01-01' });
    await expect(missing).rejects.toEqual(refusal('account_not_found'));
    await expect(ledger.setTimeZone('Mars/Olympus')).rejects.toEqual(refusal('unknown_time_zone'));
  });
});

async function transfersAfter(position: bigint, ledger: string): Promise<number> {
  const rows = await bed.sql('select from micropay.transfers where ledger = $1 and position > $2', [
    await numberOf(bed, ledger),
    String(position),
  ]);
  return rows.length;
}

describe('checkpoints', () => {
  it('checkpoints do not pass a position that may still appear', async () => {
    const writer = await bed.connect();
    await writer.query('begin');
    await writer.query(`select pg_current_xact_id(), nextval('micropay.event_position')`);
    await bed.sql(`select nextval('micropay.event_position') from generate_series(1, 20)`);
    const ledger = bed.ledger({ name: 'gap' });
    await openWallets(ledger, { alice: 1n });
    const payment = { from: 'world', to: 'alice', amount: 1n, currency: 'USD' };
    await ledger.transfers.postMany(Array.from({ length: 12 }, () => payment));
    const store = await storeOf(bed, ledger.name);
    const held = await advanceCheckpoints(pool, store, SIZES);
    expect(held.interrupted).toBe(true);
    await writer.query('rollback');
    const free = await advanceCheckpoints(pool, store, SIZES);
    expect(free.interrupted).toBe(false);
    expect(await transfersAfter(free.position, ledger.name)).toBeLessThan(SIZES.stretch);
  });

  it('checkpoints are made once by many at once', async () => {
    const ledger = bed.ledger({ name: 'many' });
    const journal = await makeJournal(bed, ledger, ACCOUNTS);
    const row = { from: 0, to: 1, amount: 1n, kind: 'transfer' as const, recordedMs: EPOCH, effectiveMs: EPOCH };
    await journal.write(Array.from({ length: 100 }, (_, index) => ({ ...row, effectiveMs: EPOCH + (index % 7) })));
    const store = await storeOf(bed, ledger.name);
    await Promise.all(Array.from({ length: 8 }, () => advanceCheckpoints(pool, store, SIZES)));
    const { position } = await advanceCheckpoints(pool, store, SIZES);
    expect(await transfersAfter(position, ledger.name)).toBeLessThan(SIZES.stretch);
    await expectAsNaive(ledger, journal, (bound) => Math.floor(bound / 2));
    const [sums] = await bed.sql<{ debits: string }>(
      `select sum(debits)::text as debits from micropay.journal_stretches s
       join micropay.ledgers l on l.id = s.ledger where l.name = 'many'`,
    );
    expect(Number(sums?.debits)).toBeGreaterThan(90);
  });

  it('checkpoints are advanced and made anew by the ledger', async () => {
    const ledger = bed.ledger();
    expect((await ledger.checkpoints.advance()).interrupted).toBe(false);
    expect((await ledger.checkpoints.rebuild()).interrupted).toBe(false);
  });
});
