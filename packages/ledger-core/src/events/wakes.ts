import { oldestDrawer } from '../postgres/position-drawers.js';
import type { ConnectedStore } from '../postgres/store.js';
import { lastWake, nextWakeId, readWakes } from '../postgres/wakes.js';

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
 */
export function createWakes(store: ConnectedStore, { sweepMs = SWEEP_MS } = {}): Wakes {
  let mark: bigint | undefined;
  let bound: { readonly through: bigint; readonly transactionId: bigint } | undefined;
  /** What stands after the mark, by ledger: other rows there wake it again. */
  let known: ReadonlyMap<number, string> = new Map();
  let sweptAtMs = 0;
  let isSettling = true;

  async function begin(): Promise<Woken> {
    mark = await lastWake(store);
    bound = { through: mark, transactionId: await nextWakeId(store) };
    return sweep();
  }

  function sweep(): Woken {
    sweptAtMs = performance.now();
    return { ledgers: [], isSweepDue: true };
  }

  return {
    async next() {
      if (mark === undefined) return begin();
      const isFinal = bound !== undefined && (await oldestDrawer(store)) >= bound.transactionId;
      const through = isFinal && bound !== undefined ? bound.through : mark;
      const rows = await readWakes(store, { after: mark, through });
      const ledgers = rows.filter(({ ledger, all }) => known.get(ledger) !== all).map(({ ledger }) => ledger);
      known = new Map(rows.flatMap(({ ledger, rest }) => (rest === null ? [] : [[ledger, rest] as const])));
      mark = through;
      if (isFinal) bound = undefined;
      let last = mark;
      for (const row of rows) if (row.last > last) last = row.last;
      if (bound === undefined && last > mark) bound = { through: last, transactionId: await nextWakeId(store) };
      // What was under way below the first mark has ended only now.
      const isFirstFinal = isFinal && isSettling;
      if (isFinal) isSettling = false;
      if (isFirstFinal || performance.now() - sweptAtMs > sweepMs) return { ...sweep(), ledgers };
      return { ledgers, isSweepDue: false };
    },
  };
}
