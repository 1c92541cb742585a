import { WINDOW_S } from './rate-limit-headers.js';

const NAMES_MAX = 10_000;
const WINDOW_MS = WINDOW_S * 1_000;

/** Names whose attempts were found used up, for as long as they are. */
export interface UsedUpNames {
  /** The most attempts that a name can have left: others may have taken some, and nobody gives any back. */
  leftAtMost(nameHash: Buffer): number;
  remember(nameHash: Buffer, left: number): void;
}

/** Remembers a bounded number of names, the latest. */
export function createUsedUpNames(
  perMinute: number,
  { now = () => performance.now(), namesMax = NAMES_MAX }: { now?: () => number; namesMax?: number } = {},
): UsedUpNames {
  const names = new Map<string, { readonly left: number; readonly seenAtMs: number }>();

  return {
    leftAtMost(nameHash) {
      const key = nameHash.toString('latin1');
      const seen = names.get(key);
      if (seen === undefined) return perMinute;
      const left = seen.left + ((now() - seen.seenAtMs) * perMinute) / WINDOW_MS;
      if (left >= perMinute) names.delete(key);
      return Math.min(perMinute, left);
    },
    remember(nameHash, left) {
      const key = nameHash.toString('latin1');
      // As the latest.
      names.delete(key);
      names.set(key, { left, seenAtMs: now() });
      const [oldest] = names.keys();
      if (names.size > namesMax && oldest !== undefined) names.delete(oldest);
    },
  };
}
