import { describe, expect, it } from 'vitest';
import { createLaneLeases } from './lane-leases.js';

function leasesOf(laneCount: number) {
  let freed = 0;
  const leases = createLaneLeases(laneCount, () => {
    freed += 1;
  });
  return { ...leases, timesFreed: () => freed };
}

describe('lane leases', () => {
  it('lane leases give each batch its own lane, and none when all lanes are held', async () => {
    const { takeFree } = leasesOf(2);
    const lanes = [takeFree(false), takeFree(false)].map((lease) => lease?.take());
    expect(new Set(await Promise.all(lanes))).toEqual(new Set([0, 1]));
    expect(takeFree(true)).toBeUndefined();
  });

  it('a lane lease that was handed over is given to a batch that accepts sending behind another', () => {
    const { takeFree, timesFreed } = leasesOf(1);
    const first = takeFree(false);
    first?.handOver();
    expect(timesFreed()).toBe(1);
    expect(takeFree(false)).toBeUndefined();
    expect(takeFree(true)).toBeDefined();
  });

  it('a lane lease that ended is given to any batch', () => {
    const { takeFree, timesFreed } = leasesOf(1);
    const first = takeFree(false);
    first?.handOver();
    first?.end();
    expect(timesFreed()).toBe(2);
    expect(takeFree(false)).toBeDefined();
  });

  it('lane leases prefer a lane with no batch in progress', async () => {
    const { takeFree } = leasesOf(2);
    const first = takeFree(true);
    const lane = await first?.take();
    first?.handOver();
    expect(await takeFree(true)?.take()).not.toBe(lane);
  });

  it('a lane lease that was handed over goes to the waiting batch before any other', async () => {
    const { takeFree, takeNext, timesFreed } = leasesOf(1);
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

  it('a batch that has to run again takes the lane back once the batch behind it ends', async () => {
    const { takeFree } = leasesOf(1);
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
