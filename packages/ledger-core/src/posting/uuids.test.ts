import { validate, version } from 'uuid';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { uuidv7 } from './uuids.js';

describe('uuidv7', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it('uuidv7 makes UUIDs of version 7 that tell the time', () => {
    const before = Date.now();
    const uuid = uuidv7();
    expect([validate(uuid), version(uuid)]).toEqual([true, 7]);
    const tellsMs = Number.parseInt(uuid.replace('-', '').slice(0, 12), 16);
    expect(tellsMs).toBeGreaterThanOrEqual(before);
    expect(tellsMs).toBeLessThanOrEqual(Date.now());
  });

  it('uuidv7 makes each one greater than the last, and no two alike', () => {
    const uuids = Array.from({ length: 10_000 }, uuidv7);
    expect(uuids.toSorted()).toEqual(uuids);
    expect(new Set(uuids).size).toBe(uuids.length);
  });

  it('uuidv7 goes on upwards when the clock is set back', () => {
    const before = uuidv7();
    vi.useFakeTimers({ now: Date.now() - 60_000 });
    expect(uuidv7() > before).toBe(true);
  });
});
