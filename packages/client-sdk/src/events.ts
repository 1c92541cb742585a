import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { type Api, bodyOf } from './api.js';
import { checkLastEventId } from './checks.js';
import { MicroPayError, notMicroPay } from './errors.js';
import type { components } from './generated/api.js';
import { checkStreams } from './platform.js';
import { result } from './result.js';
import { retryDelay, wait } from './retry.js';
import type { CallOptions } from './transport.js';

type EventJson = components['schemas']['LiveEvent'];

/** Members of an event's data that are whole numbers, written as strings. */
const AMOUNTS = [
  'amount',
  'posted',
  'pendingIn',
  'pendingOut',
  'available',
  'change',
  'minimum',
  'maximum',
  'minimumBefore',
  'maximumBefore',
  'released',
  'sequence',
] as const;
type AmountName = (typeof AMOUNTS)[number];

type WithAmounts<Data> = {
  readonly [Name in keyof Data]: Name extends AmountName ? bigint | Extract<Data[Name], null> : Data[Name];
};

type ToLiveEvent<Json> = Json extends EventJson
  ? Readonly<Omit<Json, 'data'>> & {
      readonly data: WithAmounts<Json['data']>;
      /** The id to resume from after this event. */
      readonly lastEventId: string;
    }
  : never;

/**
 * An event of a wallet, account, transfer or user; amounts are whole minor units. Branch on `type`. Operators also receive
 * the application's own events, with types and data that are not listed here: leave a `type` that you do not know aside.
 */
export type LiveEvent = ToLiveEvent<EventJson>;
export type LiveEventType = LiveEvent['type'];

export interface StreamOptions extends CallOptions {
  /** The `lastEventId` of the last event that you have seen; default: start now. */
  readonly lastEventId?: string;
  /** Deliver only these types; operators may name types of their application too. */
  readonly types?: readonly (LiveEventType | (string & {}))[];
}

export interface Events {
  /**
   * Streams events live: to users those of their own wallets and transfers, to operators those of the whole ledger.
   * It reconnects by itself and resumes right after the last event. It ends when its signal aborts. If you read slowly,
   * events wait on the server.
   *
   * ```ts
   * for await (const event of client.events.stream({ signal })) {
   *   if (event.type === 'balance.changed.v1') console.log(event.data.address, event.data.available);
   * }
   * ```
   *
   * @throws {MicroPayError} `events_gone` if you were away for too long: read the wallets, then start a new stream.
   *   Temporary refusals are not thrown. `platform_unsupported` if the platform cannot stream responses
   */
  stream(options?: StreamOptions): AsyncGenerator<LiveEvent, void, undefined>;
}

/** The time of three missing heartbeats, after which the connection counts as lost. */
const SILENCE_MAX_MS = 45_000;

export function createEvents({ routes, send }: Api, { canStream }: { readonly canStream: boolean }): Events {
  /** Retries until the server responds with a stream or a refusal. */
  async function open({ signal, types }: StreamOptions, lastEventId: string | undefined) {
    const fetch = send({ signal, repeatable: true, streaming: true, retriesMax: Number.POSITIVE_INFINITY });
    const query = types === undefined ? {} : { types: [...types] };
    const header = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const headers = { Accept: 'text/event-stream' };
    const answer = routes.GET('/v1/events', { params: { query, header }, headers, fetch, parseAs: 'stream' });
    return bodyOf(answer, (body) => {
      // A `fetch` passed by the caller may not stream either: React Native's responses have no body.
      checkStreams(body != null);
      return body as unknown as ReadableStream<Uint8Array>;
    });
  }

  return {
    async *stream(options = {}) {
      const { signal } = options;
      let { lastEventId } = options;
      checkStreams(canStream);
      if (lastEventId !== undefined) checkLastEventId(lastEventId);
      let breaks = 0;
      try {
        for (;;) {
          const body = await open(options, lastEventId);
          for await (const { id, event, data } of messagesOf(body, signal)) {
            lastEventId = id ?? lastEventId;
            // Reconnect whatever the `end` message said: the next response tells whether it is a refusal.
            if (event === 'end') break;
            if (lastEventId === undefined || event === 'opened' || event === 'position') continue;
            yield parseEvent(data, lastEventId);
            breaks = 0;
          }
          await wait(delayAfter(breaks), signal);
          breaks += 1;
        }
      } catch (error) {
        if (!signal?.aborted) throw error;
      }
    },
  };
}

function delayAfter(breaks: number): number {
  const broken = new MicroPayError('network_error', 'the stream broke');
  const limits = { repeatable: true, retries: breaks, retriesMax: Number.POSITIVE_INFINITY };
  return retryDelay(broken, limits) ?? 0;
}

/** The messages of one connection, until it ends, breaks, falls silent or is not wanted any more. */
async function* messagesOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<EventSourceMessage> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const messages: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (message) => messages.push(message) });
  try {
    for (;;) {
      const chunk = await nextChunk(reader, signal);
      if (chunk === undefined) return;
      parser.feed(decoder.decode(chunk, { stream: true }));
      yield* messages.splice(0);
    }
  } finally {
    // The connection may be broken already, and there is no need to wait for the server.
    reader.cancel().catch(() => undefined);
  }
}

/**
 * Undefined at the end of the stream, whatever ended it. This listens to the signal too: a platform may drop the request's
 * own listener once the request is garbage, and a stream lives long.
 */
function nextChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const end = (chunk?: Uint8Array) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(chunk);
    };
    const onAbort = () => end();
    const timer = setTimeout(onAbort, SILENCE_MAX_MS);
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted) end();
    reader.read().then(({ value }) => end(value), onAbort);
  });
}

/** Others are an application's own, whose members of the same names may be any text. */
const OF_THE_LEDGER = /^(?:account|balance|hold|transfer)\./;

function parseEvent(text: string, lastEventId: string): LiveEvent {
  try {
    const event = JSON.parse(text) as EventJson;
    const data: Record<string, unknown> = { ...event.data };
    if (OF_THE_LEDGER.test(event.type)) {
      for (const name of AMOUNTS) if (typeof data[name] === 'string') data[name] = BigInt(data[name]);
    }
    return { ...event, data: result(data), lastEventId } as unknown as LiveEvent;
  } catch {
    throw notMicroPay({});
  }
}
