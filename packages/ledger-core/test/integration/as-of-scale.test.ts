import type { Ledger } from '@micropay/ledger-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLong } from '../support/counts.js';
import { type Explained, explainStatements, rowsRead } from '../support/explained.js';
import { fillAccount, fillLedger, RECORDED_FROM } from '../support/long-journal.js';
import { randomNumbers } from '../support/random.js';
import { useTestBed } from '../support/test-bed.js';

const bed = useTestBed();
const SIZES = isLong ? [10_000, 100_000, 1_000_000] : [10_000, 40_000];
const LARGEST = SIZES.at(-1) ?? 0;
const FILL_MS = 600_000;
/** Versions that are found together by the history indexes. */
const BLOCK = 32;
/** Enough for one stretch, one block and the other rows of their index pages; the smallest account may be read completely. */
const ROWS_READ_MAX = 12_000;
let explained: Explained;

beforeAll(() => {
  explained = explainStatements(bed.url);
});
afterAll(() => explained.stop());

/** Milliseconds of a call, the median of many instants. */
async function medianMs(count: number, call: (at: Date) => Promise<unknown>): Promise<number> {
  const random = randomNumbers(7);
  const times: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = new Date(RECORDED_FROM + random(LARGEST) * 1_000);
    const began = performance.now();
    await call(at);
    times.push(performance.now() - began);
  }
  return times.sort((a, b) => a - b)[Math.floor(count / 2)] ?? 0;
}

const scattered = `to_timestamp(${RECORDED_FROM / 1000} + (n::bigint * 104729) % ${LARGEST})`;

describe.each([
  ['whose transfers all count when they are recorded', 'null'],
  ['whose transfers are all dated, in no order', scattered],
  ['whose transfers are dated by turns', `case when n % 3 = 0 then ${scattered} end`],
  ['that was imported with one instant', `to_timestamp(${RECORDED_FROM / 1000})`],
])('an account %s', (what, effectiveAt) => {
  it.each(SIZES)(
    'with %i entries is read in a few rows at any date',
    async (entries) => {
      const name = `${entries}-${what.replaceAll(/[^a-z]/g, '-')}`.slice(0, 63);
      await fillAccount(bed, bed.ledger({ name }), entries, effectiveAt);
      await bed.sql('analyze micropay.transfers, micropay.dated_blocks, micropay.dated_marks');
      await bed.ledger({ name }).checkpoints.advance();
      const asked = bed.ledger({ name, database: explained.url });
      await asked.accounts.get('hot');
      for (const offset of [0, 0.1, 0.5, 0.99, 1.1]) {
        const at = new Date(RECORDED_FROM + LARGEST * offset * 1_000);
        for (const by of ['recorded', 'effective'] as const) {
          const nodes = await explained.nodesOf(() => asked.accounts.balanceAt('hot', { at, by }));
          expect(rowsRead(nodes, 'transfers')).toBeLessThanOrEqual(by === 'recorded' ? 16 * BLOCK : ROWS_READ_MAX);
        }
      }
      const posted = await asked.accounts.balanceAt('hot', { at: '9999-12-31', by: 'effective' });
      expect(posted.posted).toBe((await asked.accounts.get('hot')).posted);
      if (isLong) {
        const timed = bed.ledger({ name });
        await timed.accounts.balanceAt('hot', { at: '2020-01-01', by: 'effective' });
        const recorded = await medianMs(200, (at) => timed.accounts.balanceAt('hot', { at }));
        const effective = await medianMs(200, (at) => timed.accounts.balanceAt('hot', { at, by: 'effective' }));
        console.info(`${entries} ${what}: recorded ${recorded.toFixed(2)} ms, effective ${effective.toFixed(2)} ms`);
        // A busy machine may be some times slower than the figures that are written down.
        expect(recorded).toBeLessThan(20);
        expect(effective).toBeLessThan(80);
      }
    },
    FILL_MS,
  );
});

describe.each([
  ['on time', 'null'],
  [
    'dated by turns',
    `case when n % 3 = 0 then to_timestamp(${RECORDED_FROM / 1000} + (n::bigint * 104729) % 9999) end`,
  ],
])('a ledger of many accounts, %s', (what, effectiveAt) => {
  const size = isLong ? { accounts: 100_000, transfers: 1_000_000 } : { accounts: 1_000, transfers: 40_000 };
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = bed.ledger({ name: what.replaceAll(' ', '-') });
    await fillLedger(bed, ledger, size, effectiveAt);
    await bed.sql('analyze');
    const began = performance.now();
    await ledger.checkpoints.advance();
    if (isLong) console.info(`checkpoints of ${size.transfers} ${what}: ${(performance.now() - began).toFixed(0)} ms`);
  }, FILL_MS);

  it(
    'has its trial balance read in a few stretches at any date',
    async () => {
      const asked = bed.ledger({ name: ledger.name, database: explained.url });
      await asked.timeZone();
      for (const offset of [0, 0.1, 0.5, 0.99, 1.1]) {
        const at = new Date(RECORDED_FROM + size.transfers * offset * 10);
        for (const by of ['recorded', 'effective'] as const) {
          const nodes = await explained.nodesOf(() => asked.trialBalance({ at, by }));
          // Two stretches, that of the instant and the last one, and a block.
          expect(rowsRead(nodes, 'transfers')).toBeLessThanOrEqual(by === 'recorded' ? 10_000 : 20_000);
        }
      }
      if (isLong) {
        for (const by of ['recorded', 'effective'] as const) {
          const time = await medianMs(20, (at) =>
            ledger.trialBalance({ at: new Date(RECORDED_FROM + (at.getTime() - RECORDED_FROM) / 100), by }),
          );
          console.info(`trial balance of ${size.accounts} accounts, ${what}, by ${by}: ${time.toFixed(1)} ms`);
          expect(time).toBeLessThan(4_000);
        }
      }
    },
    FILL_MS,
  );
});
