// Bundled with the package, and run on the platform that is tried: it uses nothing of Node.
import { createClient, MicroPayError } from '../../src/index.js';

export interface PlatformTrial {
  readonly url: string;
  /** A server that never answers. */
  readonly muteUrl: string;
  readonly operatorKey: string;
  readonly email: string;
}

/** An error's code, and where it is not one of the package the whole error. */
async function outcomeOf(call: () => Promise<unknown>): Promise<string> {
  try {
    return String(await call());
  } catch (error) {
    return error instanceof MicroPayError ? error.message : `not of the package: ${String(error)}`;
  }
}

/** Counts who listens to a signal. */
function countListeners(signal: AbortSignal): () => number {
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...words: Parameters<typeof addEventListener>) => {
    listeners += 1;
    addEventListener.apply(signal, words);
  };
  signal.removeEventListener = (...words: Parameters<typeof removeEventListener>) => {
    listeners -= 1;
    removeEventListener.apply(signal, words);
  };
  return () => listeners;
}

async function tryPlatform({ url, muteUrl, operatorKey, email }: PlatformTrial): Promise<Record<string, unknown>> {
  const client = createClient({ baseUrl: url });
  const operator = createClient({ baseUrl: url, apiKey: operatorKey });
  // One signal for the life of a screen or a request, as applications hold it.
  const { signal } = new AbortController();
  const listenersLeft = countListeners(signal);

  const { wallet } = await client.auth.register({ email, password: 'correct horse battery' }, { signal });
  const deposit = { wallet: wallet.id, amount: 10n, currency: 'USD' };
  const outcomes: Record<string, unknown> = {
    read: await outcomeOf(async () => (await client.wallets.get(wallet.id, { signal })).available),
    ownKey: await outcomeOf(
      async () => (await operator.deposits.create(deposit, { signal, idempotencyKey: email })).amount,
    ),
    madeKey: await outcomeOf(async () => (await operator.deposits.create(deposit, { signal })).amount),
    event: await outcomeOf(async () => {
      const ending = new AbortController();
      const deposits = setInterval(() => {
        const idempotencyKey = `${email}-${Math.random()}`;
        operator.deposits.create(deposit, { idempotencyKey }).catch(() => undefined);
      }, 200);
      const events = client.events.stream({ signal: ending.signal, types: ['balance.changed.v1'] });
      try {
        const { value } = await events.next();
        ending.abort();
        return `${value?.type}, then ${(await events.next()).done ? 'the end' : 'more'}`;
      } finally {
        clearInterval(deposits);
      }
    }),
  };
  const leaving = new AbortController();
  const mute = createClient({ baseUrl: muteUrl, timeoutMs: 500, retriesMax: 0 });
  outcomes.timeout = await outcomeOf(() => mute.me({ signal }));
  setTimeout(() => leaving.abort(), 100);
  outcomes.aborted = await outcomeOf(() => mute.me({ signal: leaving.signal }));
  outcomes.abortedBefore = await outcomeOf(() => mute.me({ signal: leaving.signal }));
  outcomes.listenersLeft = listenersLeft();
  return outcomes;
}

Object.assign(globalThis, { tryPlatform });
