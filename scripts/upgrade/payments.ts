import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

const PAYERS = 16;
const PAUSE_MS = 100;
const ANSWER_TIMEOUT_MS = 20_000;
/** A payment that has no result after so long is a failure. */
const GIVE_UP_MS = 60_000;
const WAIT_MS = 60_000;

/** Payers who pay one after the other, each payment under one key until it has a result. */
export interface Payments {
  /** The ids of the transfers that were answered. */
  readonly acknowledged: ReadonlySet<string>;
  /** Attempts that were refused for now, or had no answer. */
  readonly repeats: number;
  /** Pays at these servers from now on. */
  payAt(urls: readonly string[]): void;
  /** Waits until so many more payments were answered. */
  more(count: number): Promise<void>;
  /** Waits until each payment has its result. Throws for an answer that does not ask to try again. */
  stop(): Promise<void>;
}

interface Payer {
  readonly token: string;
  readonly wallet: string;
}

async function call(url: string, path: string, { token, key, body }: { token?: string; key?: string; body: unknown }) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(key === undefined ? {} : { 'idempotency-key': key }),
    },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
  });
  return { status: response.status, text: await response.text() };
}

async function register(url: string, operatorKey: string): Promise<Payer> {
  const body = { email: `${randomUUID()}@example.com`, password: 'correct horse battery' };
  const registered = await call(url, '/v1/auth/register', { body });
  if (registered.status !== 201)
    throw new Error(`a registration was answered ${registered.status}: ${registered.text}`);
  const { accessToken: token, wallet } = JSON.parse(registered.text) as { accessToken: string; wallet: { id: string } };
  const deposit = { wallet: wallet.id, amount: '1000000', currency: 'USD' };
  const { status } = await call(url, '/v1/deposits', { token: operatorKey, key: randomUUID(), body: deposit });
  if (status !== 201) throw new Error(`a deposit was answered ${status}`);
  return { token, wallet: wallet.id };
}

export async function startPayments(first: readonly string[], operatorKey: string): Promise<Payments> {
  let urls = first;
  const acknowledged = new Set<string>();
  let repeats = 0;
  let isStopped = false;
  const payers: Payer[] = [];
  for (let payer = 0; payer < PAYERS; payer += 1) payers.push(await register(urls[0] ?? '', operatorKey));

  async function payOnce({ token, wallet }: Payer, to: string): Promise<void> {
    const key = randomUUID();
    const body = { from: wallet, to, amount: '1', currency: 'USD' };
    for (const giveUpAtMs = performance.now() + GIVE_UP_MS; ; await sleep(PAUSE_MS)) {
      const url = urls[Math.floor(Math.random() * urls.length)] ?? '';
      // Undefined when the connection was refused or closed.
      const answer = await call(url, '/v1/transfers', { token, key, body }).catch(() => undefined);
      if (answer?.status === 201) {
        acknowledged.add((JSON.parse(answer.text) as { id: string }).id);
        return;
      }
      if (answer !== undefined && answer.status !== 503 && answer.status !== 429) {
        throw new Error(`a payment was answered ${answer.status}: ${answer.text}`);
      }
      if (performance.now() > giveUpAtMs) throw new Error('a payment had no result for a minute');
      repeats += 1;
    }
  }

  async function pay(payer: Payer, to: string): Promise<void> {
    while (!isStopped) await payOnce(payer, to);
  }

  let failure: unknown;
  const paying = Promise.all(payers.map((payer, index) => pay(payer, payers[(index + 1) % PAYERS]?.wallet ?? '')));
  paying.catch((error: unknown) => {
    failure = error;
  });

  return {
    acknowledged,
    get repeats() {
      return repeats;
    },
    payAt(next) {
      urls = next;
    },
    async more(count) {
      const until = acknowledged.size + count;
      for (const giveUpAtMs = performance.now() + WAIT_MS; acknowledged.size < until; await sleep(PAUSE_MS)) {
        if (failure !== undefined) throw failure;
        if (performance.now() > giveUpAtMs) throw new Error('no payments are answered');
      }
    },
    async stop() {
      isStopped = true;
      await paying;
    },
  };
}
