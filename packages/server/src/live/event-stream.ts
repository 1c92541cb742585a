import type { Ledger, LedgerEvent } from '@micropay/ledger-core';
import { withDeadline } from '../throttling/deadline.js';
import { type Viewer, viewersOf } from './audience.js';
import { eventText, type FanOut, type Listener, type PlacedEvent, placeEvents } from './fan-out.js';
import { isSeen, readAfter, type StreamMark, wholeRow } from './stream-mark.js';
import type { TextBuffer } from './text-buffer.js';

export interface EventStreamOptions {
  readonly ledger: Ledger;
  readonly fanOut: FanOut;
  readonly viewer: Viewer;
  /** Only these; all when left out. */
  readonly types?: ReadonlySet<string> | undefined;
  readonly start: StreamMark;
  readonly buffer: TextBuffer;
  readonly signal: AbortSignal;
  /** Lets few streams at a time read from the tables. */
  readonly limitCatchUps: <Result>(work: () => Promise<Result>) => Promise<Result>;
}

/** Longer than a page takes to read. */
const READ_COUNTED_MAX_MS = 1_000;

/** The stream of one client. */
export interface EventStream {
  /** Tells until the signal ends it; what fails is thrown. */
  run(): Promise<void>;
  /** The row after which it stands, while it receives live events. */
  liveMark(): StreamMark | undefined;
}

/**
 * Reads what the client has missed from the log, at the client's own pace, until it has caught up with those who are
 * told things as they happen, and joins them. When it has no room it leaves them and reads again: nothing is
 * lost, and no client costs more memory than its buffer.
 */
export function createEventStream(options: EventStreamOptions): EventStream {
  const { ledger, fanOut, viewer, types, buffer, signal, limitCatchUps } = options;
  let mark = options.start;
  let isLive = false;
  let endLive: (() => void) | undefined;

  const listener: Listener = {
    viewer,
    take(placed, text) {
      if (isSeen(mark, placed) || !isWanted(placed)) return;
      if (buffer.write(text)) {
        mark = { position: placed.position, index: placed.index };
        return;
      }
      // It comes again from the log, and those before it do not.
      mark = { position: placed.position, index: placed.index - 1 };
      leave();
    },
  };

  function isWanted({ event }: PlacedEvent): boolean {
    return types === undefined || types.has(event.type);
  }

  function leave(): void {
    isLive = false;
    fanOut.leave(listener);
    endLive?.();
  }

  /** Joins the live readers, unless they have received something that this client has not. */
  function joinWhenLevel(): boolean {
    if (Number.isFinite(mark.index) || mark.position < fanOut.position) return false;
    isLive = true;
    fanOut.join(listener);
    return true;
  }

  async function catchUp(): Promise<void> {
    const subscription = await ledger.events.subscribe({ after: readAfter(mark), signal });
    const batches = subscription[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await nextOf(batches);
        if (done || signal.aborted) return;
        for (const { text, ...place } of textsOf(value)) {
          while (!buffer.write(text)) await buffer.emptied();
          mark = place;
        }
        const last = value.at(-1);
        if (last !== undefined) mark = wholeRow(last.position);
        if (signal.aborted || joinWhenLevel()) return;
      }
    } finally {
      await batches.return?.();
    }
  }

  /** Only a stream with events to read counts against the limit, and only until its read ends or lasts too long. */
  async function nextOf(
    batches: AsyncIterator<readonly LedgerEvent[]>,
  ): Promise<IteratorResult<readonly LedgerEvent[]>> {
    if (mark.position >= fanOut.position) return batches.next();
    const next = await limitCatchUps(async () => {
      const pending = batches.next();
      // Errors are reported to the caller that waits for the batch.
      await withDeadline(READ_COUNTED_MAX_MS, pending, () => new Error('the read no longer counts')).catch(
        () => undefined,
      );
      return { pending };
    });
    return next.pending;
  }

  /** Made at once, so that what a slow client waits for is its own few texts and not the whole batch. */
  function textsOf(events: readonly LedgerEvent[]): readonly (StreamMark & { readonly text: string })[] {
    return [...placeEvents(events)]
      .filter((placed) => !isSeen(mark, placed) && isWanted(placed) && viewersOf(placed.event).has(viewer))
      .map((placed) => ({ position: placed.position, index: placed.index, text: eventText(viewer, placed) }));
  }

  return {
    liveMark: () => (isLive ? wholeRow(fanOut.position) : undefined),
    async run() {
      signal.addEventListener('abort', leave, { once: true });
      while (!signal.aborted) {
        if (!joinWhenLevel()) await catchUp();
        if (isLive) {
          await new Promise<void>((resolve) => {
            endLive = resolve;
          });
        }
      }
    },
  };
}
