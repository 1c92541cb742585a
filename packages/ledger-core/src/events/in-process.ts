import type { LedgerEvent } from './catalogue.js';
import type { EventPublisher } from './publisher.js';

/**
 * Delivers events to a function of this process: they count as delivered when it resolves, and come again when
 * it rejects. With a relay and a sink of its own it reads on where it stopped, after a restart too.
 */
export function createInProcessPublisher(handle: (events: readonly LedgerEvent[]) => Promise<void>): EventPublisher {
  let isConnected = false;
  return {
    async connect() {
      isConnected = true;
    },
    async publish(events) {
      if (!isConnected) throw new Error('connect the publisher first');
      await handle(events);
    },
    async close() {
      isConnected = false;
    },
  };
}
