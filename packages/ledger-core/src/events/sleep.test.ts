import { expect, it } from 'vitest';
import { createSleep } from './sleep.js';

const LONG_MS = 60_000;

/** The largest number of listeners that a signal has held. */
function heldBy(signal: AbortSignal): number {
  const parts = Object.getOwnPropertySymbols(signal).map((key) => Reflect.get(signal, key));
  return Math.max(0, ...parts.map((part) => part?.size ?? 0));
}

it('ends with its time, when it is woken, and when its loop is ended', async () => {
  const loop = new AbortController();
  const { sleep, wake } = createSleep(loop.signal);
  await sleep(1);
  const woken = sleep(LONG_MS);
  wake();
  await woken;
  const ended = sleep(LONG_MS);
  loop.abort();
  await ended;
  await sleep(LONG_MS);
});

it('ends at once, and one time only, when it was woken before', async () => {
  const { sleep, wake } = createSleep(new AbortController().signal);
  wake();
  wake();
  await sleep(LONG_MS);
  const startedAtMs = performance.now();
  await sleep(50);
  expect(performance.now() - startedAtMs).toBeGreaterThan(40);
});

it('leaves nothing with a signal that outlives it', async () => {
  const { signal } = new AbortController();
  const { sleep, wake } = createSleep(signal);
  for (let count = 0; count < 100; count += 1) {
    const sleeping = sleep(count % 2 === 0 ? 0 : LONG_MS);
    wake();
    await sleeping;
  }
  expect(heldBy(signal)).toBeLessThanOrEqual(1);

  for (let count = 0; count < 100; count += 1) AbortSignal.any([signal, new AbortController().signal]);
  expect(heldBy(signal)).toBeGreaterThan(1);
});
