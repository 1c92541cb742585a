import type { DisabledReason } from '../endpoints/webhook-endpoint-store.js';
import type { ClaimedDelivery, ClaimedEndpoint, DeliveryResult, TurnResult } from './delivery-queue.js';
import type { Attempt } from './post-webhook.js';
import { endpointPauseS, retryDelayS } from './retry-schedule.js';
import type { WebhookLimits } from './webhook-limits.js';

const GONE = 410;
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;

export interface SentTurn {
  readonly endpoint: ClaimedEndpoint;
  readonly deliveries: readonly ClaimedDelivery[];
  /** What came of each, in the same order. */
  readonly sent: readonly Attempt[];
  /** Whether as many were sent as may be at once. */
  readonly isFull: boolean;
}

/** What a turn says about its deliveries and its endpoint. */
export function turnResult(
  { endpoint, deliveries, sent, isFull }: SentTurn,
  { retryAfterS, failuresBeforePause }: Pick<WebhookLimits, 'retryAfterS' | 'failuresBeforePause'>,
): TurnResult {
  const results = sent.flatMap((attempt, place) => {
    const delivery = deliveries[place];
    return delivery === undefined ? [] : [resultOf(delivery, attempt, retryAfterS)];
  });
  const failed = sent.filter(({ error }) => error !== null).length;
  const failures = failed < results.length ? 0 : endpoint.failures + failed;
  return {
    endpoint,
    results,
    failures,
    pauseS: Math.max(endpointPauseS(failures, failuresBeforePause), ...sent.map(askedPauseS)),
    // Later ones of an account could not be seen while these were pending.
    hasMore: isFull || deliveries.some(({ isOrdered }) => isOrdered),
  };
}

/** Why nothing more is sent to the endpoint; undefined if it goes on. */
export function disablingReason(
  sent: readonly Attempt[],
  results: readonly DeliveryResult[],
): DisabledReason | undefined {
  if (sent.some(({ status }) => status === GONE)) return 'gone';
  return results.some(({ state }) => state === 'failed') ? 'failing' : undefined;
}

function resultOf(
  { messageId, attempts }: ClaimedDelivery,
  { status, error, durationMs, retryAfterS }: Attempt,
  schedule: readonly number[],
): DeliveryResult {
  const same = { messageId, status, error, durationMs };
  if (error === null) return { ...same, state: 'delivered', delayS: 0 };
  const delayS = status === GONE ? undefined : retryDelayS(attempts + 1, retryAfterS, schedule);
  return delayS === undefined ? { ...same, state: 'failed', delayS: 0 } : { ...same, state: 'pending', delayS };
}

/** A receiver that is overloaded wants nothing at all for a while. */
function askedPauseS({ status, retryAfterS = 0 }: Attempt): number {
  return status === TOO_MANY_REQUESTS || status === UNAVAILABLE ? retryAfterS : 0;
}
