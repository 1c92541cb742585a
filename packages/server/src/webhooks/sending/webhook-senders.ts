import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { DisabledReason } from '../endpoints/webhook-endpoint-store.js';
import { createPause } from './pause.js';
import type { Attempt, AttemptError, WebhookClient } from './post-webhook.js';
import type { ClaimedDelivery, ClaimedEndpoint, DeliveryQueue } from './queue/delivery-queue.js';
import type { SenderBeats } from './queue/sender-beats.js';
import { createSetBackWatch } from './queue/set-back.js';
import { createSettleTogether } from './queue/settle-together.js';
import { sendTurn } from './send-turn.js';
import { signedHeaders } from './sign.js';
import { disablingReason, turnResult } from './turn-result.js';
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
  readonly beats: SenderBeats;
  readonly client: WebhookClient;
  readonly limits: WebhookLimits;
  readonly log: Logger;
  /** Counts the attempts by their result. */
  readonly attempts: Map<AttemptError | 'delivered', number>;
  /** Disables an endpoint in hand, unless it has been claimed again by now. */
  readonly onDisable: (endpoint: Pick<ClaimedEndpoint, 'id' | 'claim'>, reason: DisabledReason) => Promise<unknown>;
}

/** One endpoint in hand, with its requests under way. */
interface Turn {
  readonly endpoint: ClaimedEndpoint;
  readonly startedMs: number;
  readonly ending: AbortController;
  isSlow: boolean;
  /** Its attempts have ended, and only their results are not stored yet. */
  isSent: boolean;
  /** This process was silent for too long since: others may have the endpoint, so nothing more is begun. */
  isLost: boolean;
}

const BEAT_MS = 1_000;
/** Without a sign of life for so long, this process begins nothing more: others are about to take over. */
const SILENT_MAX_MS = 4_000;
const STOP_MS = 5_000;
/** With so many times the slow ones that a process may have, nothing is claimed until some have ended. */
const SLOW_TWICE = 2;
const GATHER_MS = 10;
/** Another turn comes soon: changes of the endpoint count from then on. */
const TURN_MAX_MS = 5_000;
const MS_PER_S = 1_000;
const USER_AGENT = 'MicroPay-Webhooks/1';

/**
 * Endpoints take turns; in a turn, a few deliveries are sent at once. An endpoint that does not answer leaves the quick turns
 * after a moment, so that it holds up nobody, and those that fail never enter them.
 */
export function createWebhookSenders(options: SendersOptions): WebhookSenders {
  const { queue, beats, client, limits, log, attempts, onDisable } = options;
  const turns = new Set<Turn>();
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  const { pause, wake } = createPause(stopping.signal);
  const settling = createSettleTogether(queue, stopping.signal, (error) =>
    log.warn({ err: error }, 'the results of webhooks could not be stored: no more are sent until they are'),
  );
  let looping: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let aliveMs = Number.NEGATIVE_INFINITY;
  let isClaiming = false;
  let claimGotLost = false;
  /** Claims that were in no turn at the last look. */
  let suspects: readonly string[] = [];
  let mayBeSetBack = false;
  const wasSetBack = createSetBackWatch();

  const isAlive = () => performance.now() - aliveMs < SILENT_MAX_MS;
  const slowTurns = () => [...turns].filter(({ isSlow }) => isSlow);
  const failingTurns = () => [...turns].filter(({ endpoint }) => endpoint.failures > 0);

  async function beat(): Promise<void> {
    const startedMs = performance.now();
    const clockS = await beats.beat();
    if (!isAlive()) for (const turn of turns) turn.isLost = true;
    aliveMs = startedMs;
    mayBeSetBack = wasSetBack(clockS, startedMs, performance.now()) || mayBeSetBack;
    // Not waited for, neither by this nor by each other: this process lives, however long they take.
    tending.begin();
    if (mayBeSetBack) bringing.begin();
  }

  /** Looks after what nobody sends. */
  async function tend(): Promise<void> {
    await beats.freeDead();
    // The answer of a claim is awaited before its endpoints are in turns.
    if (isClaiming) return;
    const stray = await strayClaims();
    // A claim may be stored long after its answer got lost. One that is stored now may be answered in a moment: it has until the
    // next look.
    const lost = stray.filter((claim) => suspects.includes(claim));
    suspects = stray;
    if (lost.length > 0) await queue.free(lost);
  }

  /** Claims that this process has endpoints by, and none of them in a turn. */
  async function strayClaims(): Promise<readonly string[]> {
    const inHand = new Set([...turns].map(({ endpoint }) => endpoint.claim));
    return (await queue.claims()).filter((claim) => !inHand.has(claim));
  }

  async function bringForward(): Promise<void> {
    // Before the work: the clock may be set back once more while it is done.
    mayBeSetBack = false;
    try {
      await queue.bringForward(stopping.signal);
    } catch (error) {
      mayBeSetBack = true;
      throw error;
    }
  }

  // The claims and results of this process fail as well, and say so.
  const beating = oneAtATime(beat, () => undefined);
  const tending = oneAtATime(tend, (error) =>
    log.warn({ err: error }, 'webhooks of servers that have stopped could not be taken over now, and will be later'),
  );
  const bringing = oneAtATime(bringForward, (error) =>
    log.warn({ err: error }, 'webhooks that a clock has delayed could not be brought forward now, and will be later'),
  );

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const room = makeRoom();
      const claimed = room > 0 && isAlive() && !settling.isUncertain() ? await claim(room) : 0;
      if (claimed < room || room === 0) await pause(limits.pollMs);
      // Endpoints that are done at nearly the same time are followed by others in one statement.
      if (turns.size > 0) await delay(GATHER_MS);
    }
  }

  /**
   * Ends the longest attempts where slow ones are too many, and returns how many endpoints may be taken in hand. Slow ones take no
   * room of the quick ones, unless so many are slow at once that none of them has had its time yet.
   */
  function makeRoom(): number {
    const slow = slowTurns();
    const underWay = slow.filter(({ isSent }) => !isSent);
    const untilMs = performance.now() - limits.slowMinMs;
    for (const { startedMs, ending } of underWay.slice(0, Math.max(0, underWay.length - limits.slowMax))) {
      if (startedMs < untilMs) ending.abort();
    }
    const quickRoom = limits.quickMax - (turns.size - slow.length);
    return Math.max(0, Math.min(quickRoom, limits.slowMax * SLOW_TWICE - slow.length));
  }

  /** Returns how many of the room it has used: what fails has a room of its own. */
  async function claim(room: number): Promise<number> {
    isClaiming = true;
    try {
      if (claimGotLost) await queue.free(await strayClaims());
      claimGotLost = false;
      const endpoints = await queue.claim({
        endpointsMax: room,
        // Half of the room for slow ones is for those that turn out to be slow only now.
        failingMax: Math.max(0, Math.floor(limits.slowMax / 2) - failingTurns().length),
        deliveriesMax: limits.perEndpointMax,
      });
      for (const endpoint of endpoints) begin(endpoint);
      return endpoints.filter(({ failures }) => failures === 0).length;
    } catch (error) {
      claimGotLost = true;
      log.warn({ err: error }, 'webhooks that are due could not be read, and will be sent later');
      return 0;
    } finally {
      isClaiming = false;
    }
  }

  function begin(endpoint: ClaimedEndpoint): void {
    const turn = takeTurn(endpoint)
      .catch((error: unknown) =>
        log.warn(
          { err: error, endpoint: endpoint.id },
          'sending to a webhook endpoint failed unexpectedly, and is tried again',
        ),
      )
      .finally(() => {
        running.delete(turn);
        wake();
      });
    running.add(turn);
  }

  async function takeTurn(endpoint: ClaimedEndpoint): Promise<void> {
    const turn: Turn = {
      endpoint,
      startedMs: performance.now(),
      ending: new AbortController(),
      isSlow: endpoint.failures > 0,
      isSent: false,
      isLost: false,
    };
    turns.add(turn);
    const slowTimer = setTimeout(() => {
      turn.isSlow = true;
      wake();
    }, limits.quickMs);
    try {
      // One is enough to see whether an endpoint works again.
      const isFailing = endpoint.failures >= limits.failuresBeforePause;
      const atOnce = isFailing ? 1 : limits.perEndpointMax;
      let begun = 0;
      const { sent, wasCut } = await sendTurn(endpoint.deliveries, {
        atOnceMax: atOnce,
        mayBegin: () => {
          const isInTime = performance.now() - turn.startedMs < TURN_MAX_MS && !stopping.signal.aborted;
          begun += 1;
          return isInTime && !turn.isLost && isAlive() && (!isFailing || begun === 1);
        },
        send: (delivery) => send(endpoint, delivery, turn),
      });
      turn.isSent = true;
      clearTimeout(slowTimer);
      // An attempt that was cut short because this process stops says nothing about its receiver, and neither does a turn without
      // one: both are let go of at the end, as due now.
      if (stopping.signal.aborted && (turn.ending.signal.aborted || sent.length === 0)) return;
      const result = turnResult({ endpoint, sent, wasCut, fullFrom: atOnce }, limits);
      // Before the endpoint is let go of, so that nobody sends what is behind the one that is given up.
      const reason = disablingReason(sent, result.results);
      if (reason !== undefined) await disable(endpoint, reason);
      await settling.settle(result);
    } finally {
      clearTimeout(slowTimer);
      turns.delete(turn);
    }
  }

  async function disable(endpoint: ClaimedEndpoint, reason: DisabledReason): Promise<void> {
    await onDisable(endpoint, reason).catch((error: unknown) =>
      log.error({ err: error, endpoint: endpoint.id }, 'a webhook endpoint could not be disabled'),
    );
  }

  async function send(endpoint: ClaimedEndpoint, delivery: ClaimedDelivery, turn: Turn): Promise<Attempt> {
    const { body, messageId, traceparent } = delivery;
    // By the database's clock, and what has passed since then.
    const timestampS = Math.floor(endpoint.claimedAtS + (performance.now() - turn.startedMs) / MS_PER_S);
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

  async function run(): Promise<void> {
    await beat().catch((error: unknown) => log.warn({ err: error }, 'no webhooks are sent until the database answers'));
    timer = setInterval(beating.begin, BEAT_MS);
    await loop();
  }

  return {
    wake,
    start() {
      looping ??= run();
    },
    async stop() {
      stopping.abort();
      const late = setTimeout(() => {
        for (const { ending } of turns) ending.abort();
      }, STOP_MS);
      await looping;
      await Promise.all(running);
      clearTimeout(late);
      clearInterval(timer);
      await beating.ended();
      await Promise.all([tending.ended(), bringing.ended()]);
      client.close();
      await Promise.all([queue.claims().then(queue.free), beats.leave()]).catch((error: unknown) =>
        log.warn({ err: error }, 'webhooks could not be handed over: other servers take them over in a few seconds'),
      );
    },
  };
}

/** Work that is begun again only when it has ended, however long it takes. */
function oneAtATime(
  work: () => Promise<void>,
  onFailure: (error: unknown) => void,
): { readonly begin: () => void; readonly ended: () => Promise<void> } {
  let running: Promise<void> | undefined;
  return {
    begin() {
      running ??= work()
        .catch(onFailure)
        .finally(() => {
          running = undefined;
        });
    },
    ended: async () => running,
  };
}
