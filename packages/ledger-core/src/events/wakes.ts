import { oldestDrawer } from '../postgres/position-drawers.js';
import type { ConnectedStore } from '../postgres/store.js';
import { lastWake, nextWakeId, readWakes, type WakeRow } from '../postgres/wakes.js';

/** Tells in which ledgers something may have been written since it was last asked. */
export interface Wakes {
  next(): Promise<Woken>;
}

export interface Woken {
  /** Numbers of ledgers that have new rows. */
  readonly ledgers: readonly number[];
  /** True when every ledger has to be looked at: in the beginning, and now and then because this is a hint. */
  readonly isSweepDue: boolean;
}

/** A ledger that is missed is looked at after this time. None is while the database is one server. */
const SWEEP_MS = 60_000;

/**
 * One statement for all ledgers, whatever their number. It reads the first rows of batches, and domain events, after a mark. As with
 * readers of the log, rows may still appear below those that are seen: the mark goes up to what a bound has made final.
 *
 * While a transaction keeps the bound from being reached, everything after the mark grows with time. So most looks read only what stands
 * after the highest row that was seen, and the 1st, 2nd, 4th, 8th … look of a bound the whole stretch: a row that has appeared below the
 * highest one is found before the looks have doubled, and at the latest when the bound is reached.
 */
export function createWakes(store: ConnectedStore, { sweepMs = SWEEP_MS } = {}): Wakes {
  let mark: bigint | undefined;
  /** The highest row that was seen, or the mark. */
  let seen = 0n;
  let bound: { readonly through: bigint; readonly transactionId: bigint } | undefined;
  /** Looks since the bound was taken. */
  let looks = 0;
  /** The sum of positions that were seen after the mark, by ledger: another one there wakes it again. */
  let known: ReadonlyMap<number, bigint> = new Map();
  let sweptAtMs = 0;
  let isSettling = true;

  async function begin(): Promise<Woken> {
    mark = await lastWake(store);
    seen = mark;
    await takeBound();
    return sweep();
  }

  async function takeBound(): Promise<void> {
    bound = { through: seen, transactionId: await nextWakeId(store) };
    looks = 0;
  }

  function sweep(): Woken {
    sweptAtMs = performance.now();
    return { ledgers: [], isSweepDue: true };
  }

  function rememberHighest(rows: readonly WakeRow[]): void {
    for (const { last } of rows) if (last > seen) seen = last;
  }

  /** The ledgers that have other rows after the mark than were known, which may stand anywhere there. */
  async function readWhole(after: bigint, through: bigint): Promise<readonly number[]> {
    const rows = await readWakes(store, { after, through });
    const ledgers = rows.filter(({ ledger, all }) => known.get(ledger) !== all).map(({ ledger }) => ledger);
    known = new Map(rows.flatMap(({ ledger, rest }) => (rest === null ? [] : [[ledger, rest] as const])));
    rememberHighest(rows);
    return ledgers;
  }

  /** The ledgers that have rows after the highest one. */
  async function readNew(): Promise<readonly number[]> {
    const rows = await readWakes(store, { after: seen, through: seen });
    const sums = new Map(known);
    for (const { ledger, all } of rows) sums.set(ledger, (sums.get(ledger) ?? 0n) + all);
    known = sums;
    rememberHighest(rows);
    return rows.map(({ ledger }) => ledger);
  }

  return {
    async next() {
      if (mark === undefined) return begin();
      const isFinal = bound !== undefined && (await oldestDrawer(store)) >= bound.transactionId;
      const through = isFinal && bound !== undefined ? bound.through : mark;
      looks += 1;
      const ledgers = isFinal || isPowerOfTwo(looks) ? await readWhole(mark, through) : await readNew();
      mark = through;
      if (isFinal) bound = undefined;
      if (bound === undefined && seen > mark) await takeBound();
      // Transactions that were open at the first mark have ended only now.
      const isFirstFinal = isFinal && isSettling;
      if (isFinal) isSettling = false;
      if (isFirstFinal || performance.now() - sweptAtMs > sweepMs) return { ...sweep(), ledgers };
      return { ledgers, isSweepDue: false };
    },
  };
}

function isPowerOfTwo(count: number): boolean {
  return Number.isInteger(Math.log2(count));
}
