import { describe, expect, it } from 'vitest';
import { createLaneLeases } from './lane-leases.js';

function turnsOn(laneCount: number) {
  let freed = 0;
  const leases = createLaneLeases(laneCount, () => {
    freed += 1;
  });
  return { ...leases, timesFreed: () => freed };
}

describe('lane leases', () => {
  it('give each batch a lane of its own, and none when all are held', async () => {
    const { takeFree } = turnsOn(2);
    const lanes = [takeFree(false), takeFree(false)].map((lease) => lease?.take());
    expect(new Set(await Promise.all(lanes))).toEqual(new Set([0, 1]));
    expect(takeFree(true)).toBeUndefined();
  });

  it('let a batch send behind one that was handed over, if it will', () => {
    const { takeFree, timesFreed } = turnsOn(1);
    const first = takeFree(false);
    first?.handOver();
    expect(timesFreed()).toBe(1);
    expect(takeFree(false)).toBeUndefined();
    expect(takeFree(true)).toBeDefined();
  });

  it('tell of the answers, after which nobody has to send behind', () => {
    const { takeFree, timesFreed } = turnsOn(1);
    const first = takeFree(false);
    first?.handOver();
    first?.end();
    expect(timesFreed()).toBe(2);
    expect(takeFree(false)).toBeDefined();
  });

  it('prefer a lane without a batch under way', async () => {
    const { takeFree } = turnsOn(2);
    const first = takeFree(true);
    const lane = await first?.take();
    first?.handOver();
    expect(await takeFree(true)?.take()).not.toBe(lane);
  });

  it('go to who waits before they are free for others', async () => {
    const { takeFree, takeNext, timesFreed } = turnsOn(1);
    const first = takeFree(false);
    const waiting = takeNext();
    first?.handOver();
    expect(takeFree(true)).toBeUndefined();
    const second = await waiting;
    expect(await second.take()).toBe(0);
    first?.end();
    expect(takeFree(true)).toBeUndefined();
    expect(timesFreed()).toBe(1);
  });

  it('are taken again by a batch that has to run once more', async () => {
    const { takeFree } = turnsOn(1);
    const first = takeFree(false);
    first?.handOver();
    const second = takeFree(true);
    let isTaken = false;
    const again = first?.take().then(() => {
      isTaken = true;
    });
    await Promise.resolve();
    expect(isTaken).toBe(false);
    second?.end();
    await again;
    expect(takeFree(true)).toBeUndefined();
    first?.end();
    expect(takeFree(false)).toBeDefined();
  });
});
