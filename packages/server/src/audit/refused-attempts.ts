import { LRUCache } from 'lru-cache';

const WINDOW_MS = 60_000;
const NAMES_MAX = 1_000;

/**
 * Says which refused attempts are recorded: of each principal and operation one a minute, and of all of one kind together
 * `perMinute` in this process. Whoever may register any number of users must not be able to fill a table that nobody may delete from.
 */
export function createRefusedAttempts(perMinute: number): (name: string) => boolean {
  const recorded = new LRUCache<string, number>({ max: NAMES_MAX });
  let windowBeganMs = Number.NEGATIVE_INFINITY;
  let count = 0;

  return (name) => {
    const nowMs = performance.now();
    if (nowMs - windowBeganMs >= WINDOW_MS) {
      windowBeganMs = nowMs;
      count = 0;
    }
    const lastMs = recorded.get(name);
    if (count >= perMinute || (lastMs !== undefined && nowMs - lastMs < WINDOW_MS)) return false;
    recorded.set(name, nowMs);
    count += 1;
    return true;
  };
}
