import type { EventPublisher, LedgerEvent } from '@micropay/ledger-core';

/** Tells when the publisher behind it was connected, and what it has delivered. */
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
