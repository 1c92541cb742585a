import { setTimeout as delay } from 'node:timers/promises';
import { call, type Reply, type TestUser } from './call.js';

/** Payments over HTTP at a steady rate. Each keeps its idempotency key and is repeated until it is acknowledged. */
export interface Payments {
  /** Payments that were begun. */
  readonly begun: number;
  /** Ids of the acknowledged transfers, by idempotency key. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Requests that failed or were refused for now. */
  readonly repeats: number;
  /** Durations of the payments that were acknowledged at the first attempt, in the order of their responses. */
  readonly durationsMs: readonly number[];
  /** Begins no more and waits until all are acknowledged. */
  stop(): Promise<void>;
}

const TICK_MS = 50;
const ANSWER_TIMEOUT_MS = 10_000;
const PAUSE_MS = 250;
/** While there are no responses, no more payments than these wait; the others start later. */
const UNDER_WAY_MAX = 500;

export function startPayments(options: {
  readonly url: string;
  readonly users: readonly TestUser[];
  readonly perSecond: number;
  readonly random: (bound: number) => number;
  /** Begins the keys; another one for each of several runs on the same users. */
  readonly name?: string;
}): Payments {
  const { url, users, perSecond, random, name = 'payment' } = options;
  const tokens = new Map(users.map((user) => [user, user.token]));
  const acknowledged = new Map<string, string>();
  const durationsMs: number[] = [];
  const underWay = new Set<Promise<void>>();
  let failure: unknown;
  let serves: Promise<void> | undefined;
  let begun = 0;
  let repeats = 0;

  async function pay(key: string, payer: TestUser, body: Record<string, string>): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const sentAtMs = performance.now();
      const reply = await send(() =>
        call(url, 'POST /v1/transfers', { token: tokens.get(payer), key, body, timeoutMs: ANSWER_TIMEOUT_MS }),
      );
      if (reply?.status === 201) {
        acknowledged.set(key, reply.body.id);
        if (tries === 1) durationsMs.push(performance.now() - sentAtMs);
        return;
      }
      repeats += 1;
      if (reply?.status === 401) await logIn(payer);
      else if (reply !== undefined && reply.status < 500 && reply.status !== 409 && reply.status !== 429) {
        throw new Error(`a payment was answered ${reply.status}: ${JSON.stringify(reply.body)}`);
      }
      await untilItServes();
    }
  }

  /** One asks for all that wait: hundreds of requests that fail would take the processor from what is to come back. */
  function untilItServes(): Promise<void> {
    serves ??= (async () => {
      do await delay(PAUSE_MS);
      while ((await send(() => call(url, 'GET /readyz', { timeoutMs: ANSWER_TIMEOUT_MS })))?.status !== 200);
    })().finally(() => {
      serves = undefined;
    });
    return serves;
  }

  /** Tokens last for minutes, and the run may be longer. */
  async function logIn(user: TestUser): Promise<void> {
    const { email, password } = user;
    const reply = await send(() =>
      call(url, 'POST /v1/auth/login', { body: { email, password }, timeoutMs: ANSWER_TIMEOUT_MS }),
    );
    if (reply?.status === 200) tokens.set(user, reply.body.accessToken);
  }

  function begin(): void {
    const payer = random(users.length);
    const payee = (payer + 1 + random(users.length - 1)) % users.length;
    const [from, to] = [users[payer] as TestUser, users[payee] as TestUser];
    begun += 1;
    const payment = pay(`${name}-${begun}`, from, {
      from: from.wallet,
      to: to.wallet,
      amount: String(1 + random(100)),
      currency: 'USD',
    })
      .catch((error: unknown) => {
        failure ??= error;
      })
      .finally(() => underWay.delete(payment));
    underWay.add(payment);
  }

  const startedAt = Date.now();
  const timer = setInterval(() => {
    const due = ((Date.now() - startedAt) / 1_000) * perSecond;
    while (begun < due && underWay.size < UNDER_WAY_MAX) begin();
  }, TICK_MS);

  return {
    get begun() {
      return begun;
    },
    get repeats() {
      return repeats;
    },
    acknowledged,
    durationsMs,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      if (failure !== undefined) throw failure;
    },
  };
}

/** Undefined when no whole answer came. */
async function send(request: () => Promise<Reply>): Promise<Reply | undefined> {
  return request().catch(() => undefined);
}
