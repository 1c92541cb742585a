import { type EventRange, type Ledger, LedgerError } from '@micropay/ledger-core';
import { ProblemError } from '../errors/problem.js';
import type { Authenticate } from '../http/authorize.js';
import { toProblem } from '../http/to-problem.js';
import type { Principal } from '../identity/principal.js';
import { createWorkLimit } from '../throttling/work-limit.js';
import type { Viewer } from './audience.js';
import { createEventStream } from './event-stream.js';
import { type FanOut, startFanOut } from './fan-out.js';
import { createLiveLimits, type LiveLimits } from './live-limits.js';
import { formatMark, type StreamMark, wholeRow } from './stream-mark.js';
import { createTextBuffer } from './text-buffer.js';

export interface StreamRequest {
  readonly principal: Principal;
  /** The caller's credential; it must stay valid as long as the stream. */
  readonly authorization: string | undefined;
  readonly types?: ReadonlySet<string> | undefined;
  /** Behind what the client has seen; from now on when left out. */
  readonly lastMark?: StreamMark | undefined;
  /** Ends the connection of a client who does not take the last words. */
  readonly disconnect: () => void;
}

/** The live streams of this process. */
export interface LiveEvents {
  /**
   * Opens a stream of what the caller may see.
   *
   * @throws {ProblemError} `events_gone`, `too_many_streams`
   * @throws {LedgerError} `overloaded`, `ledger_closed`, `database_unavailable`
   */
  open(request: StreamRequest): Promise<ReadableStream<Uint8Array>>;
  /** The streams that are open now, and those that the server has ended, by the code of the problem. */
  counts(): { readonly open: number; readonly endedByCode: ReadonlyMap<string, number> };
  /** Ends every stream with a word, so that clients go elsewhere. */
  close(): Promise<void>;
}

interface OpenStream {
  readonly request: StreamRequest;
  check(nowMs: number): void;
  end(error: unknown): void;
  readonly closed: Promise<void>;
}

/** Asks a client that was cut off to wait a moment before it comes back. */
const RETRY_MS = 1_000;
const RETRY_AFTER_S = 5;
const HEARTBEAT = ':\n\n';

export function createLiveEvents(
  { ledger, authenticate }: { readonly ledger: Ledger; readonly authenticate: Authenticate },
  given: Partial<LiveLimits> = {},
): LiveEvents {
  const limits = createLiveLimits(given);
  const limitCatchUps = createWorkLimit({ atOnceMax: limits.catchUpsAtOnceMax, waitingMax: limits.streamsMax });
  const streams = new Set<OpenStream>();
  /** Those whose credential is looked up now: while the database is slow, their look-ups must not pile up. */
  const looking = new Set<OpenStream>();
  const countByPrincipal = new Map<string, number>();
  const endedByCode = new Map<string, number>();
  const closing = new AbortController();
  let fanOut: Promise<FanOut> | undefined;
  let timer: NodeJS.Timeout | undefined;

  /** The one who follows the ledger, begun with the first stream; what ends it ends the streams, which come back. */
  function following(): Promise<FanOut> {
    fanOut ??= startFanOut(ledger, { signal: closing.signal, onBroken }).catch((error: unknown) => {
      fanOut = undefined;
      throw error;
    });
    return fanOut;
  }

  function onBroken(error: unknown): void {
    fanOut = undefined;
    for (const stream of streams) stream.end(error);
  }

  /** Counts the stream, and returns a function that stops counting it. */
  function admit({ id }: Principal): () => void {
    if (closing.signal.aborted) throw new LedgerError('ledger_closed', 'the server is stopping: use another server');
    const count = countByPrincipal.get(id) ?? 0;
    if (count >= limits.streamsPerPrincipalMax) {
      throw new ProblemError('too_many_streams', `${count} streams are open already: close one`, {
        headers: { 'retry-after': String(RETRY_AFTER_S) },
      });
    }
    if (total() >= limits.streamsMax)
      throw new LedgerError('overloaded', 'too many streams are open on this server: try again later');
    countByPrincipal.set(id, count + 1);
    return () => {
      const left = (countByPrincipal.get(id) ?? 0) - 1;
      if (left > 0) countByPrincipal.set(id, left);
      else countByPrincipal.delete(id);
    };
  }

  function total(): number {
    return [...countByPrincipal.values()].reduce((sum, count) => sum + count, 0);
  }

  async function startOf({ lastMark, principal }: StreamRequest, { position }: FanOut): Promise<StreamMark> {
    if (lastMark === undefined) return wholeRow(position);
    const range = await ledger.events.range();
    refuseGone(lastMark, range);
    if (principal.kind === 'user') await refuseTooFar(lastMark, range);
    // The mark is of an event that has since been deleted and was seen: reading its row again would start before the deletion.
    return lastMark.position === range.deletedThrough ? wholeRow(lastMark.position) : lastMark;
  }

  /** Counted only where it may be so: positions of other ledgers make the distance longer than what has to be read. */
  async function refuseTooFar({ position }: StreamMark, { last }: EventRange): Promise<void> {
    const { resumeRowsMax } = limits;
    if (last - position <= BigInt(resumeRowsMax)) return;
    if ((await ledger.events.countAfter(position, resumeRowsMax + 1)) > resumeRowsMax) throw eventsGone();
  }

  async function open(request: StreamRequest): Promise<ReadableStream<Uint8Array>> {
    const leave = admit(request.principal);
    try {
      const shared = await following();
      const start = await startOf(request, shared);
      return begin(request, shared, start, leave);
    } catch (error) {
      leave();
      throw error;
    }
  }

  function begin(request: StreamRequest, shared: FanOut, start: StreamMark, leave: () => void) {
    const ending = new AbortController();
    const buffer = createTextBuffer(limits.bufferLengthMax);
    const { closed } = buffer;
    const { principal, types } = request;
    const viewer: Viewer = principal.kind === 'operator' ? 'operator' : principal.id;
    const { signal } = ending;
    const stream = createEventStream({ ledger, fanOut: shared, viewer, types, start, buffer, signal, limitCatchUps });
    let heartbeatAtMs = performance.now() + limits.heartbeatMs;
    let toldMark = formatMark(start);

    const opened: OpenStream = {
      request,
      closed,
      check(nowMs) {
        const waitsSinceMs = buffer.waitsSinceMs();
        if (waitsSinceMs !== undefined) {
          if (nowMs - waitsSinceMs > limits.stallMs) this.end(tooSlow());
        } else if (nowMs >= heartbeatAtMs) {
          heartbeatAtMs = nowMs + limits.heartbeatMs;
          const mark = stream.liveMark();
          const text = mark === undefined ? toldMark : formatMark(mark);
          // A client without events for a while can resume from the current position, and not from its last event.
          buffer.write(text === toldMark ? HEARTBEAT : `${HEARTBEAT}${controlText('position', text)}`);
          toldMark = text;
        }
      },
      end(error) {
        if (signal.aborted) return;
        ending.abort();
        const { problem } = toProblem(error, request.principal);
        endedByCode.set(problem.code, (endedByCode.get(problem.code) ?? 0) + 1);
        // A client that has not read to the end by then must reconnect; a complete response is not affected.
        setTimeout(request.disconnect, limits.lingerMs).unref();
        buffer.end(`event: end\ndata: ${JSON.stringify(problem)}\n\n`);
      },
    };
    streams.add(opened);
    void closed.then(() => {
      ending.abort();
      streams.delete(opened);
      leave();
    });
    timer ??= setInterval(checkAll, limits.checkMs).unref();
    buffer.write(`retry: ${RETRY_MS}\n${controlText('opened', toldMark)}`);
    stream.run().catch((error: unknown) => opened.end(error));
    return buffer.readable;
  }

  function checkAll(): void {
    const nowMs = performance.now();
    for (const stream of streams) {
      stream.check(nowMs);
      void checkCredential(stream);
    }
  }

  /** Ends the stream when its credential would not open it any more: expired, logged out, replaced. */
  async function checkCredential(stream: OpenStream): Promise<void> {
    if (looking.has(stream)) return;
    looking.add(stream);
    try {
      await authenticate(stream.request.authorization);
    } catch (error) {
      // Only a refusal: that it cannot be looked up now says nothing about it.
      if (error instanceof ProblemError) stream.end(error);
    } finally {
      looking.delete(stream);
    }
  }

  return {
    open,
    counts: () => ({ open: streams.size, endedByCode }),
    async close() {
      clearInterval(timer);
      closing.abort();
      const stopping = new LedgerError('ledger_closed', 'the server is stopping: reconnect in a moment');
      const ended = [...streams].map((stream) => {
        stream.end(stopping);
        return stream.closed;
      });
      await Promise.all(ended);
    },
  };
}

/** Names where the client may come back to, beside the events. */
function controlText(name: 'opened' | 'position', mark: string): string {
  return `id: ${mark}\nevent: ${name}\ndata: {}\n\n`;
}

function tooSlow(): ProblemError {
  return new ProblemError('stream_too_slow', 'the client read too little for too long: reconnect with the last id');
}

function refuseGone({ position }: StreamMark, { deletedThrough, last }: EventRange): void {
  if (position < deletedThrough || position > last) throw eventsGone();
}

function eventsGone(): ProblemError {
  return new ProblemError(
    'events_gone',
    'some events after this id are no longer available: read your wallets, then start a new stream',
  );
}
