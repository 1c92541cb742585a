import { setTimeout as delay } from 'node:timers/promises';
import type { TestUser } from './call.js';
import { type Message, openStream, type TestStream } from './open-stream.js';

/** One client of the stream over as many connections as it takes, as an app has it. */
export interface Follower {
  readonly user: TestUser;
  /** Events that arrived over all connections. */
  events(): readonly Message[];
  /** Connects with its last id, again and again until it is admitted; resolves when it is, or when it was cut. */
  connect(): Promise<void>;
  /** Ends the connection at once, whatever is under way on it. */
  cut(): Promise<void>;
  /** The number of refusals that asked it to retry later. */
  refusals(): number;
}

const PAUSE_MS = 200;

export function followStream(url: string, user: TestUser, start: string): Follower {
  const arrived: Message[] = [];
  let refusals = 0;
  let lastEventId = start;
  let ending = new AbortController();
  let isCut = true;
  let stream: TestStream | undefined;
  let connecting = Promise.resolve();

  /**
   * A user's connections of a moment ago may not have been missed yet, and on a busy machine a request may take longer
   * than Node waits for it.
   */
  function countRefusal({ status }: TestStream): void {
    if (![408, 429, 503].includes(status)) throw new Error(`a client was answered ${status}`);
    refusals += 1;
  }

  async function untilLetIn(): Promise<void> {
    while (!isCut) {
      ending = new AbortController();
      stream = await openStream(url, user.token, { lastEventId, ending }).catch(() => undefined);
      if (stream?.status === 200) return;
      if (stream !== undefined) countRefusal(stream);
      stream = undefined;
      if (!isCut) await delay(PAUSE_MS);
    }
  }

  return {
    user,
    refusals: () => refusals,
    events: () => [...arrived, ...(stream?.events() ?? [])],
    connect() {
      isCut = false;
      connecting = untilLetIn();
      return connecting;
    },
    async cut() {
      isCut = true;
      ending.abort();
      await connecting;
      await stream?.ended;
      arrived.push(...(stream?.events() ?? []));
      lastEventId = stream?.messages.findLast(({ id }) => id !== undefined)?.id ?? lastEventId;
      stream = undefined;
    },
  };
}
