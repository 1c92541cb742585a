import { setTimeout as wait } from 'node:timers/promises';
import type { Ledger } from '@micropay/ledger-core';
import { beforeAll, expect, it } from 'vitest';
import { openWallets, useTestBed } from '../support/test-bed.js';

const ENTRIES = 30_000;
const ENTRIES_PER_CHUNK = 1_000;

const bed = useTestBed();
let ledger: Ledger;

beforeAll(async () => {
  ledger = bed.ledger();
  await openWallets(ledger, { shop: 0n });
  const request = { from: 'world', to: 'shop', amount: 1n, currency: 'USD' };
  for (let posted = 0; posted < ENTRIES; posted += 5_000) {
    await ledger.transfers.postMany(Array.from({ length: 5_000 }, () => request));
  }
});

it('reads a long history in many short snapshots', async () => {
  const longestMs = watchSnapshots();
  const steps: number[] = [];
  let before = 0;
  const startedAt = performance.now();
  const { ok } = await ledger.verify({
    entriesPerChunk: ENTRIES_PER_CHUNK,
    onProgress({ entriesChecked }) {
      steps.push(entriesChecked - before);
      before = entriesChecked;
    },
  });
  const wholeMs = performance.now() - startedAt;

  expect(ok).toBe(true);
  expect(before).toBe(2 * ENTRIES);
  expect(Math.max(...steps)).toBeLessThanOrEqual(ENTRIES_PER_CHUNK);
  // Sixty parts and a rest after each: one snapshot for all of it, or for one account, would fail by far.
  expect(await longestMs()).toBeLessThan(wholeMs / 5);
});

/** Looks at the other sessions of this database until it is asked for the oldest transaction that it saw. */
function watchSnapshots(): () => Promise<number> {
  let isWatching = true;
  const watching = (async () => {
    let longest = 0;
    let seen = 0;
    while (isWatching) {
      const [row] = await bed.sql<{ ms: string | null }>(
        `select max(extract(epoch from clock_timestamp() - xact_start)) * 1000 as ms from pg_stat_activity
         where datname = current_database() and pid <> pg_backend_pid() and backend_xmin is not null`,
      );
      if (row?.ms !== null) seen += 1;
      longest = Math.max(longest, Number(row?.ms ?? 0));
      await wait(1);
    }
    expect(seen).toBeGreaterThan(5);
    return longest;
  })();
  return () => {
    isWatching = false;
    return watching;
  };
}
