import type { EventPublisher, LedgerEvent } from '@micropay/ledger-core';

/** Wraps a publisher, and records when it connected and the events that it has delivered. */
export function observedPublisher(
  publisher: EventPublisher,
  observer: { onConnected?(): void; onDelivered(events: readonly LedgerEvent[]): void },
): EventPublisher {
  return {
    async connect() {
      await publisher.connect();
      observer.onConnected?.();
    },
    async publish(events) {
      await publisher.publish(events);
      observer.onDelivered(events);
    },
    close: () => publisher.close(),
  };
}
