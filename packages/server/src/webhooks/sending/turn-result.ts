import type { DisabledReason } from '../endpoints/webhook-endpoint-store.js';
import type { Attempt } from './post-webhook.js';
import type { ClaimedEndpoint, DeliveryResult, TurnResult } from './queue/delivery-queue.js';
import { ASKED_PAUSE_MAX_S, endpointPauseS, retryDelayS } from './retry-schedule.js';
import type { Sent, TurnSent } from './send-turn.js';
import type { WebhookLimits } from './webhook-limits.js';

const GONE = 410;
const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;

export interface SentTurn extends TurnSent {
  readonly endpoint: ClaimedEndpoint;
  /** The number from which on more may be due already. */
  readonly fullFrom: number;
}

/** What a turn says about its deliveries and its endpoint. */
export function turnResult(
  { endpoint, sent, wasCut, fullFrom }: SentTurn,
  { retryAfterS, failuresBeforePause }: Pick<WebhookLimits, 'retryAfterS' | 'failuresBeforePause'>,
): TurnResult {
  const results = sent.map((one) => resultOf(one, retryAfterS));
  const failed = sent.filter(({ attempt }) => attempt.error !== null).length;
  const failures = failed < results.length ? 0 : endpoint.failures + failed;
  return {
    endpoint,
    results,
    failures,
    pauseS: Math.max(endpointPauseS(failures, failuresBeforePause), ...sent.map(({ attempt }) => askedPauseS(attempt))),
    // What is in order may have been left in this turn, or not been seen.
    hasMore:
      endpoint.hasMore ||
      wasCut ||
      results.length >= fullFrom ||
      sent.some(({ delivery }) => delivery.accounts.length > 0),
  };
}

/** Why nothing more is sent to the endpoint; undefined if it goes on. */
export function disablingReason(sent: readonly Sent[], results: readonly DeliveryResult[]): DisabledReason | undefined {
  if (sent.some(({ attempt }) => attempt.status === GONE)) return 'gone';
  return results.some(({ state }) => state === 'failed') ? 'failing' : undefined;
}

function resultOf(
  { delivery: { messageId, attempts }, attempt: { status, error, durationMs, retryAfterS } }: Sent,
  schedule: readonly number[],
): DeliveryResult {
  const same = { messageId, status, error, durationMs };
  if (error === null) return { ...same, state: 'delivered', delayS: 0 };
  const delayS = retryDelayS(attempts + 1, retryAfterS, schedule);
  return delayS === undefined ? { ...same, state: 'failed', delayS: 0 } : { ...same, state: 'pending', delayS };
}

/** A receiver that is overloaded wants nothing at all for a while. */
function askedPauseS({ status, retryAfterS = 0 }: Attempt): number {
  return status === TOO_MANY_REQUESTS || status === UNAVAILABLE ? Math.min(retryAfterS, ASKED_PAUSE_MAX_S) : 0;
}
