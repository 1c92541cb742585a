import { expect, it } from 'vitest';
import { createWorkLimit } from './work-limit.js';

it('runs a few at once, the rest in turn, and refuses what is too much', async () => {
  const limited = createWorkLimit({ atOnceMax: 2, waitingMax: 3 });
  let running = 0;
  let most = 0;
  const work = async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setTimeout(resolve, 1));
    running -= 1;
    return 'done';
  };
  const results = await Promise.allSettled(Array.from({ length: 7 }, () => limited(work)));
  expect(most).toBe(2);
  expect(results.map(({ status }) => status)).toEqual([...Array(5).fill('fulfilled'), 'rejected', 'rejected']);
  expect(results[6]).toMatchObject({ reason: { code: 'overloaded', retryable: true } });
});

it('gives the place of work that failed to the next', async () => {
  const limited = createWorkLimit({ atOnceMax: 1, waitingMax: 1 });
  const failing = limited(() => Promise.reject(new Error('no')));
  const next = limited(() => Promise.resolve('yes'));
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
  expect(await limited(() => Promise.resolve('again'))).toBe('again');
});
