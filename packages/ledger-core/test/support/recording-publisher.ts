import { type EventPublisher, isCatalogueEvent, type LedgerEvent } from '@micropay/ledger-core';

export interface RecordingPublisher extends EventPublisher {
  readonly deliveries: LedgerEvent[][];
  /** Each event once, where it first came. */
  first(): readonly LedgerEvent[];
}

/** Keeps what is delivered; `before` may wait or throw, before or after the delivery counts. */
export function createRecordingPublisher(
  hooks: { readonly before?: () => Promise<void>; readonly after?: () => Promise<void> } = {},
): RecordingPublisher {
  const deliveries: LedgerEvent[][] = [];
  return {
    deliveries,
    first() {
      const ids = new Map<string, LedgerEvent>();
      for (const event of deliveries.flat()) if (!ids.has(event.id)) ids.set(event.id, event);
      return [...ids.values()];
    },
    async connect() {},
    async publish(events) {
      await hooks.before?.();
      deliveries.push([...events]);
      await hooks.after?.();
    },
    async close() {},
  };
}

/** Faults in the balance events: the sequence of each account must be 1, 2, 3 … in this order. */
export function sequenceFaults(events: readonly LedgerEvent[]): readonly string[] {
  const last = new Map<string, bigint>();
  const faults: string[] = [];
  for (const event of events) {
    if (!isCatalogueEvent(event) || event.type !== 'balance.changed.v1') continue;
    const expected = (last.get(event.subject) ?? 0n) + 1n;
    const sequence = BigInt(event.data.sequence);
    if (sequence !== expected) faults.push(`${event.subject}: ${sequence} where ${expected} was due`);
    last.set(event.subject, sequence);
  }
  return faults;
}
