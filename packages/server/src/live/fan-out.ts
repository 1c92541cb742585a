import type { Ledger, LedgerEvent } from '@micropay/ledger-core';
import { shownTo, type Viewer, viewersOf } from './audience.js';
import { formatMark, type StreamMark } from './stream-mark.js';

/** An event and its place in the log. */
export interface PlacedEvent extends StreamMark {
  readonly event: LedgerEvent;
}

/** Takes what its viewer may see, as it happens. */
export interface Listener {
  readonly viewer: Viewer;
  take(placed: PlacedEvent, text: string): void;
}

/** Follows the ledger once for all who listen in this process. */
export interface FanOut {
  /** Everything up to here was delivered to the listeners. */
  readonly position: bigint;
  join(listener: Listener): void;
  leave(listener: Listener): void;
}

/** Begins to follow the ledger; `onBroken` hears of it when that ends by itself. */
export async function startFanOut(
  ledger: Ledger,
  { signal, onBroken }: { readonly signal: AbortSignal; readonly onBroken: (error: unknown) => void },
): Promise<FanOut> {
  const listenersByViewer = new Map<Viewer, Set<Listener>>();
  const subscription = await ledger.events.subscribe({ signal });
  let position = subscription.after;

  function tell(placed: PlacedEvent): void {
    for (const viewer of viewersOf(placed.event)) {
      const listeners = listenersByViewer.get(viewer);
      if (listeners === undefined) continue;
      const text = eventText(viewer, placed);
      // A copy, as one that has no room leaves.
      for (const listener of [...listeners]) listener.take(placed, text);
    }
  }

  async function follow(): Promise<void> {
    for await (const events of subscription) {
      for (const placed of placeEvents(events)) tell(placed);
      position = events.at(-1)?.position ?? position;
    }
  }

  follow().catch(onBroken);
  return {
    get position() {
      return position;
    },
    join(listener) {
      const listeners = listenersByViewer.get(listener.viewer);
      if (listeners === undefined) listenersByViewer.set(listener.viewer, new Set([listener]));
      else listeners.add(listener);
    },
    leave(listener) {
      const listeners = listenersByViewer.get(listener.viewer);
      listeners?.delete(listener);
      if (listeners?.size === 0) listenersByViewer.delete(listener.viewer);
    },
  };
}

/** Counts the events within each row; a batch has whole rows only. */
export function* placeEvents(events: readonly LedgerEvent[]): Generator<PlacedEvent> {
  let index = 0;
  let position: bigint | undefined;
  for (const event of events) {
    index = event.position === position ? index + 1 : 0;
    position = event.position;
    yield { event, position, index };
  }
}

/** One event of the stream, in the words of the HTML standard, section 9.2. */
export function eventText(viewer: Viewer, { event, ...mark }: PlacedEvent): string {
  return `id: ${formatMark(mark)}\nevent: ${event.type}\ndata: ${JSON.stringify(shownTo(viewer, event))}\n\n`;
}
