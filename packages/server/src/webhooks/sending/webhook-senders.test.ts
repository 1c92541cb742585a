import { setTimeout as delay } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, expect, it, vi } from 'vitest';
import type { Attempt } from './post-webhook.js';
import type { ClaimedEndpoint, ClaimOptions, TurnResult } from './queue/delivery-queue.js';
import { WEBHOOK_LIMITS, type WebhookLimits } from './webhook-limits.js';
import { createWebhookSenders, type WebhookSenders } from './webhook-senders.js';

const TAKEN: Attempt = { status: 204, error: null, durationMs: 1, retryAfterS: undefined };
const TIMEOUT: Attempt = { status: null, error: 'timeout', durationMs: 1, retryAfterS: undefined };

let senders: WebhookSenders | undefined;
const hanging: (() => void)[] = [];
afterEach(async () => {
  const stopped = senders?.stop();
  for (const end of hanging.splice(0)) end();
  await stopped;
  senders = undefined;
});

/** An endpoint with deliveries of one account. */
function endpoint(id: string, bodies: readonly string[], failures = 0): ClaimedEndpoint {
  const deliveries = bodies.map((body, index) => ({
    messageId: body,
    attempts: 0,
    body,
    traceparent: null,
    accounts: ['shops:1'],
    position: String(index + 1),
    place: 0,
    isDue: true,
  }));
  return { id, claim: 'c', url: id, secrets: [], failures, deliveries, hasMore: false, claimedAtS: 0 };
}

/** Senders of what is in the queue, which `send` sends. */
function start(options: {
  readonly queue: ClaimedEndpoint[];
  readonly send: (url: string, body: string, signal: AbortSignal) => Promise<Attempt>;
  readonly beat?: () => Promise<number>;
  readonly limits?: Partial<WebhookLimits>;
  /** Before a claim that something was found for is answered. */
  readonly beforeClaimed?: () => Promise<unknown>;
  readonly bringForward?: () => Promise<void>;
  /** Claims that are stored. */
  readonly claims?: readonly string[];
}) {
  const { queue, send, beat = async () => 0, limits, beforeClaimed, bringForward, claims = [] } = options;
  const settled: TurnResult[] = [];
  const broughtForward: number[] = [];
  const freedClaims: string[] = [];
  let freed = 0;
  const freeDead = async () => {
    freed += 1;
  };
  senders = createWebhookSenders({
    queue: {
      async claim({ endpointsMax, failingMax }: ClaimOptions) {
        const claimed = [
          ...queue.filter(({ failures }) => failures === 0).slice(0, endpointsMax),
          ...queue.filter(({ failures }) => failures > 0).slice(0, failingMax),
        ];
        for (const one of claimed) queue.splice(queue.indexOf(one), 1);
        if (claimed.length > 0) await beforeClaimed?.();
        return claimed;
      },
      async settle(turns) {
        settled.push(...turns);
      },
      claims: async () => claims,
      async free(some) {
        freedClaims.push(...some);
      },
      async bringForward() {
        broughtForward.push(performance.now());
        await bringForward?.();
      },
    },
    beats: { beat, leave: async () => undefined, freeDead },
    client: { post: ({ url, body, signal }) => send(url, body, signal), close: () => undefined },
    limits: { ...WEBHOOK_LIMITS, pollMs: 20, ...limits },
    log: pino({ level: 'silent' }),
    attempts: new Map(),
    onDisable: async () => undefined,
  });
  senders.start();
  return { settled, broughtForward, freedClaims, freed: () => freed };
}

/** Never answers before the attempt or the test ends. */
const hangs = (signal: AbortSignal) =>
  new Promise<Attempt>((resolve) => {
    hanging.push(() => resolve(TIMEOUT));
    signal.addEventListener('abort', () => resolve(TIMEOUT), { once: true });
  });

it('a process that was silent for too long begins nothing more of what it had in hand, although it lives again', async () => {
  const begun: string[] = [];
  let isSilent = false;
  let live: () => void = () => undefined;
  const { settled } = start({
    queue: [endpoint('a', ['first', 'second'])],
    async send(_url, body) {
      begun.push(body);
      isSilent = true;
      // Within the time of a turn, and longer than a process may be silent.
      await delay(4_300);
      isSilent = false;
      live();
      await delay(50);
      return TAKEN;
    },
    beat() {
      if (!isSilent) return Promise.resolve(0);
      return new Promise((resolve) => {
        live = () => resolve(0);
      });
    },
  });
  await vi.waitUntil(() => settled.length === 1, { timeout: 10_000 });
  expect(begun).toEqual(['first']);
});

it('what a process claims while it stops is left as due, and not stored as a turn that had nothing to send', async () => {
  let stopped: Promise<void> | undefined;
  const { settled, freedClaims } = start({
    queue: [endpoint('a', ['first'])],
    send: async () => TAKEN,
    claims: ['c'],
    async beforeClaimed() {
      stopped = senders?.stop();
    },
  });
  await vi.waitUntil(() => stopped !== undefined, { timeout: 10_000 });
  await stopped;
  expect(settled).toEqual([]);
  expect(freedClaims).toEqual(['c']);
});

it('what a process claims while it is silent for too long is due again at once', async () => {
  let isSilent = false;
  const { settled } = start({
    queue: [endpoint('a', ['first'])],
    send: async () => TAKEN,
    beat: () => (isSilent ? new Promise((resolve) => hanging.push(() => resolve(0))) : Promise.resolve(0)),
    async beforeClaimed() {
      isSilent = true;
      await delay(5_100);
    },
  });
  await vi.waitUntil(() => settled.length === 1, { timeout: 20_000 });
  expect(settled).toMatchObject([{ results: [], hasMore: true }]);
});

it('endpoints that hang do not take the room of those that answer, however many they are', async () => {
  const mute = Array.from({ length: 300 }, (_, index) => endpoint(`hangs-${index}`, ['x']));
  const startedMs = performance.now();
  const answeredMs: number[] = [];
  start({
    queue: [...mute, ...Array.from({ length: 20 }, (_, index) => endpoint(`answers-${index}`, ['x']))],
    async send(url, _body, signal) {
      if (url.startsWith('hangs')) return hangs(signal);
      answeredMs.push(performance.now() - startedMs);
      return TAKEN;
    },
    limits: { quickMax: 10, quickMs: 20, slowMax: 20, slowMinMs: 100 },
  });
  await vi.waitUntil(() => answeredMs.length === 20, { timeout: 10_000 });
});

it('endpoints that have failed before have half of the room for slow ones, and those that answer are sent to beside them', async () => {
  const failing = Array.from({ length: 100 }, (_, index) => endpoint(`hangs-${index}`, ['x'], 1));
  const begun: string[] = [];
  start({
    queue: [...failing, endpoint('answers', ['x'])],
    async send(url, _body, signal) {
      begun.push(url);
      return url === 'answers' ? TAKEN : hangs(signal);
    },
    limits: { quickMax: 4, slowMax: 20 },
  });
  await vi.waitUntil(() => begun.includes('answers'), { timeout: 10_000 });
  await delay(100);
  expect(begun).toHaveLength(10 + 1);
});

it('endpoints that have failed before are tried again, however many others are slow', async () => {
  const queue = Array.from({ length: 15 }, (_, index) => endpoint(`hangs-${index}`, ['x']));
  const begun: string[] = [];
  start({
    queue,
    async send(url, _body, signal) {
      begun.push(url);
      return url === 'failed' ? TAKEN : hangs(signal);
    },
    limits: { quickMax: 20, quickMs: 20, slowMax: 20, slowMinMs: 60_000 },
  });
  await vi.waitUntil(() => begun.length === 15, { timeout: 10_000 });
  await delay(100);
  queue.push(endpoint('failed', ['x'], 1));
  await vi.waitUntil(() => begun.includes('failed'), { timeout: 10_000 });
});

it('endpoints that are slow and answer are given their time, however many they are', async () => {
  const slow = Array.from({ length: 100 }, (_, index) => endpoint(`slow-${index}`, ['x']));
  let [underWay, most] = [0, 0];
  const { settled } = start({
    queue: slow,
    async send(_url, _body, signal) {
      underWay += 1;
      most = Math.max(most, underWay);
      const ended = await Promise.race([delay(300).then(() => TAKEN), hangs(signal)]);
      underWay -= 1;
      return ended;
    },
    limits: { quickMax: 10, quickMs: 20, slowMax: 10, slowMinMs: 60_000 },
  });
  await vi.waitUntil(() => settled.length === 100, { timeout: 30_000 });
  expect(settled.filter(({ failures }) => failures > 0)).toEqual([]);
  // Those that are found to be slow only now are beside them.
  expect(most).toBeLessThanOrEqual(2 * 10 + 10);
});

it('what is due is brought forward at the start, and when the clock of the database was set back', async () => {
  const clocksS = [5_000, 5_001, 1_400, 1_401];
  let beats = 0;
  const { broughtForward } = start({
    queue: [],
    send: async () => TAKEN,
    async beat() {
      beats += 1;
      return clocksS[beats - 1] ?? 1_400 + beats;
    },
  });
  await vi.waitUntil(() => beats === 2, { timeout: 5_000 });
  expect(broughtForward).toHaveLength(1);
  await vi.waitUntil(() => broughtForward.length === 2, { timeout: 5_000 });
  expect(beats).toBe(3);
});

it('what is due is brought forward once more if that failed, and what the dead have in hand is freed nevertheless', async () => {
  const { broughtForward, freed } = start({
    queue: [],
    send: async () => TAKEN,
    bringForward: () => Promise.reject(new Error('too long')),
  });
  await vi.waitUntil(() => broughtForward.length === 2, { timeout: 5_000 });
  expect(freed()).toBeGreaterThan(0);
});

it('what is due is brought forward once more if the clock was set back while that was done', async () => {
  const clocksS = [5_000, 1_400];
  let [beats, end] = [0, () => {}];
  const { broughtForward } = start({
    queue: [],
    send: async () => TAKEN,
    async beat() {
      beats += 1;
      if (beats === 3) end();
      return clocksS[beats - 1] ?? 1_400 + beats;
    },
    bringForward: () =>
      new Promise((resolve) => {
        end = resolve;
      }),
  });
  await vi.waitUntil(() => broughtForward.length === 2, { timeout: 10_000 });
  end();
  expect(beats).toBeGreaterThanOrEqual(3);
});

it('a claim that is stored after its answer got lost is let go of, and those in hand are not', async () => {
  const { freedClaims, freed } = start({
    queue: [endpoint('a', ['first'])],
    send: (_url, _body, signal) => hangs(signal),
    claims: ['c', 'lost'],
  });
  await vi.waitUntil(() => freedClaims.length > 0, { timeout: 10_000 });
  expect(freedClaims).toEqual(['lost']);
  // At its second look: at the first one its answer might still have come.
  expect(freed()).toBeGreaterThan(1);
});
