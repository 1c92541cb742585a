import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { DisabledReason } from '../endpoints/webhook-endpoint-store.js';
import type { ClaimedDelivery, ClaimedEndpoint, DeliveryQueue, DeliveryResult } from './delivery-queue.js';
import type { Attempt, AttemptError, WebhookClient } from './post-webhook.js';
import { endpointPauseS, retryDelayS } from './retry-schedule.js';
import { signedHeaders } from './sign.js';
import type { WebhookLimits } from './webhook-limits.js';

/** Sends what is due, in this process beside others. */
export interface WebhookSenders {
  start(): void;
  /** Looks for what is due now. */
  readonly wake: () => void;
  /** Waits for the attempts under way, but not for long, and lets others have what is left. */
  stop(): Promise<void>;
}

export interface SendersOptions {
  readonly queue: DeliveryQueue;
  readonly client: WebhookClient;
  readonly limits: WebhookLimits;
  readonly log: Logger;
  /** Counts the attempts by their result. */
  readonly attempts: Map<AttemptError | 'delivered', number>;
  readonly onDisable: (endpointId: string, reason: DisabledReason) => Promise<unknown>;
}

/** One endpoint in hand, with its requests under way. */
interface Turn {
  readonly startedMs: number;
  readonly ending: AbortController;
  isSlow: boolean;
}

const BEAT_MS = 1_000;
/** Without a sign of life for so long, this process begins nothing more: others are about to take over. */
const SILENT_MAX_MS = 4_000;
const STOP_MS = 5_000;
const GATHER_MS = 10;
const GONE = 410;
const USER_AGENT = 'MicroPay-Webhooks/1';

/**
 * Endpoints take turns; in a turn, a few deliveries are sent at once. An endpoint that does not answer leaves the quick turns
 * after a moment, so that it holds up nobody, and those that fail never enter them.
 */
export function createWebhookSenders(options: SendersOptions): WebhookSenders {
  const { queue, client, limits, log, attempts, onDisable } = options;
  const turns = new Set<Turn>();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  let looping: Promise<void> | undefined;
  let beating: NodeJS.Timeout | undefined;
  let aliveMs = Number.NEGATIVE_INFINITY;
  let isWoken = false;
  let endSleep: (() => void) | undefined;

  function wake(): void {
    isWoken = true;
    endSleep?.();
  }

  async function sleep(ms: number): Promise<void> {
    if (!isWoken && !stopping.signal.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        endSleep = () => {
          clearTimeout(timer);
          resolve();
        };
      });
      endSleep = undefined;
    }
    isWoken = false;
  }

  const isAlive = () => performance.now() - aliveMs < SILENT_MAX_MS;

  async function beat(): Promise<void> {
    const atMs = performance.now();
    await queue.beat();
    aliveMs = atMs;
  }

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      let claimed = 0;
      const room = makeRoom();
      if (room > 0 && isAlive()) {
        claimed = await claim(room).catch((error: unknown) => {
          log.warn({ err: error }, 'webhooks that are due could not be read and will be sent later');
          return 0;
        });
      }
      if (claimed < room || room === 0) await sleep(limits.pollMs);
      // Endpoints that are done at nearly the same time are followed by others in one statement.
      if (turns.size > 0) await delay(GATHER_MS);
    }
  }

  /** Ends attempts where slow ones are too many, and returns how many endpoints may be taken in hand. */
  function makeRoom(): number {
    const slow = [...turns].filter(({ isSlow }) => isSlow);
    const untilMs = performance.now() - limits.slowMinMs;
    for (const { startedMs, ending } of slow.slice(0, Math.max(0, slow.length - limits.slowMax)))
      if (startedMs < untilMs) ending.abort();
    if (slow.length >= 2 * limits.slowMax) return 0;
    return limits.quickMax - (turns.size - slow.length);
  }

  async function claim(room: number): Promise<number> {
    const slow = [...turns].filter(({ isSlow }) => isSlow).length;
    const endpoints = await queue.claim({
      endpointsMax: room,
      deliveriesMax: limits.perEndpointMax,
      // Half of the room for slow ones is for those that turn out to be slow only now.
      failing: slow < limits.slowMax / 2,
    });
    for (const endpoint of endpoints) {
      const turn = takeTurn(endpoint)
        .catch((error: unknown) =>
          log.warn({ err: error, endpoint: endpoint.id }, 'results of webhooks could not be stored'),
        )
        .finally(() => {
          running.delete(turn);
          wake();
        });
      running.add(turn);
    }
    return endpoints.length;
  }

  async function takeTurn(endpoint: ClaimedEndpoint): Promise<void> {
    const turn: Turn = { startedMs: performance.now(), ending: new AbortController(), isSlow: endpoint.failures > 0 };
    turns.add(turn);
    const slowTimer = setTimeout(() => {
      turn.isSlow = true;
      wake();
    }, limits.quickMs);
    try {
      const deliveries = endpoint.deliveries.slice(0, atOnce(endpoint));
      const sent = await Promise.all(deliveries.map((delivery) => send(endpoint, delivery, turn)));
      // An attempt that was cut short because this process stops says nothing about its receiver.
      if (stopping.signal.aborted && turn.ending.signal.aborted) return;
      await settle(endpoint, deliveries, sent);
    } finally {
      clearTimeout(slowTimer);
      turns.delete(turn);
    }
  }

  async function send(endpoint: ClaimedEndpoint, delivery: ClaimedDelivery, turn: Turn): Promise<Attempt> {
    const { body, messageId, traceparent } = delivery;
    const elapsedS = (performance.now() - turn.startedMs) / 1_000;
    const timestampS = Math.floor(endpoint.claimedAtS + elapsedS);
    const attempt = await client.post({
      url: endpoint.url,
      headers: {
        'content-type': 'application/json',
        'user-agent': USER_AGENT,
        ...signedHeaders({ id: `msg_${messageId}`, timestampS, body }, endpoint.secrets),
        ...(traceparent === null ? {} : { traceparent }),
      },
      body,
      timeoutMs: limits.attemptTimeoutMs,
      signal: turn.ending.signal,
    });
    const result = attempt.error ?? 'delivered';
    attempts.set(result, (attempts.get(result) ?? 0) + 1);
    return attempt;
  }

  /** One is enough to see whether an endpoint works again. */
  const atOnce = ({ failures }: ClaimedEndpoint) => (failures < limits.failuresBeforePause ? limits.perEndpointMax : 1);

  async function settle(
    endpoint: ClaimedEndpoint,
    deliveries: readonly ClaimedDelivery[],
    sent: readonly Attempt[],
  ): Promise<void> {
    const results = deliveries.map((delivery, place) => resultOf(delivery, sent[place] as Attempt, limits.retryAfterS));
    const failed = results.filter(({ state }) => state !== 'delivered').length;
    const failures = failed < results.length ? 0 : endpoint.failures + failed;
    const isFull = results.length >= atOnce(endpoint);
    await queue.settle(endpoint, {
      results,
      failures,
      pauseS: Math.max(endpointPauseS(failures, limits.failuresBeforePause), ...sent.map(askedPauseS)),
      // Later ones of an account could not be seen while these were pending.
      hasMore: isFull || deliveries.some(({ isOrdered }) => isOrdered),
    });
    const isGone = sent.some(({ status }) => status === GONE);
    if (isGone) await onDisable(endpoint.id, 'gone');
    else if (results.some(({ state }) => state === 'failed')) await onDisable(endpoint.id, 'failing');
  }

  return {
    wake,
    start() {
      looping ??= (async () => {
        await beat().catch((error: unknown) => log.warn({ err: error }, 'webhooks wait for the database'));
        beating = setInterval(() => void beat().catch(() => undefined), BEAT_MS);
        await loop();
      })();
    },
    async stop() {
      if (looping === undefined) return;
      stopping.abort();
      endSleep?.();
      const timer = setTimeout(() => {
        for (const { ending } of turns) ending.abort();
      }, STOP_MS);
      await looping;
      await Promise.all(running);
      clearTimeout(timer);
      clearInterval(beating);
      client.close();
      await queue
        .leave()
        .catch((error: unknown) => log.warn({ err: error }, 'webhooks in hand are freed a little later'));
    },
  };
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

const TOO_MANY_REQUESTS = 429;
const UNAVAILABLE = 503;

/** A receiver that is overloaded wants nothing at all for a while. */
function askedPauseS({ status, retryAfterS = 0 }: Attempt): number {
  return status === TOO_MANY_REQUESTS || status === UNAVAILABLE ? retryAfterS : 0;
}
