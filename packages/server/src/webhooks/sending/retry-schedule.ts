import { randomInt } from 'node:crypto';

const MINUTE_S = 60;
const HOUR_S = 3_600;

/** Pauses after each failed attempt, as Standard Webhooks suggests them: ten attempts within three days and a bit. */
export const RETRY_AFTER_S: readonly number[] = [
  5,
  5 * MINUTE_S,
  30 * MINUTE_S,
  2 * HOUR_S,
  5 * HOUR_S,
  10 * HOUR_S,
  14 * HOUR_S,
  20 * HOUR_S,
  24 * HOUR_S,
];

/** Up to a tenth is added or taken away, so that what failed together does not come back together. */
const JITTER_PERMILLE = 100;
const PERMILLE = 1_000;

const RETRY_AFTER_MAX_S = 24 * HOUR_S;

/** A receiver may put off one delivery for a day, and all that waits for it for an hour: then it is asked again. */
export const ASKED_PAUSE_MAX_S = HOUR_S;

/**
 * Seconds until the next attempt; undefined when that was the last.
 *
 * @param attempts those that have failed
 * @param askedS what the receiver's `Retry-After` asks for
 */
export function retryDelayS(
  attempts: number,
  askedS = 0,
  schedule: readonly number[] = RETRY_AFTER_S,
): number | undefined {
  const plannedS = schedule[attempts - 1];
  if (plannedS === undefined) return undefined;
  const jittered = (plannedS * (PERMILLE + randomInt(-JITTER_PERMILLE, JITTER_PERMILLE + 1))) / PERMILLE;
  return Math.max(jittered, askedS);
}

/** Reads the seconds of a `Retry-After`, a day at most. A date is not read: it would need the receiver's clock. */
export function retryAfterS(header: string | undefined): number | undefined {
  return header !== undefined && /^[0-9]{1,9}$/.test(header) ? Math.min(Number(header), RETRY_AFTER_MAX_S) : undefined;
}

const PAUSE_FIRST_S = 5;
const PAUSE_MAX_S = 300;

/**
 * Pause of an endpoint that refuses everything, so that a long queue is not tried one after the other: seconds by how many
 * attempts have failed in a row, 0 while there is hope.
 */
export function endpointPauseS(failuresInARow: number, failuresBeforePause: number): number {
  if (failuresInARow < failuresBeforePause) return 0;
  return Math.min(PAUSE_MAX_S, PAUSE_FIRST_S * 2 ** Math.min(failuresInARow - failuresBeforePause, 10));
}
