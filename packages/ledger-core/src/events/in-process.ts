import { callback } from '../domain/input/arguments.js';
import type { LedgerEvent } from './catalogue.js';
import { type EventPublisher, eventsArgument, notConnected } from './publisher.js';

/**
 * Delivers events to a function of this process. Events count as delivered when it resolves, and are delivered again when
 * it rejects. With a relay and its own sink it resumes where it stopped, also after a restart.
 */
export function createInProcessPublisher(handle: (events: readonly LedgerEvent[]) => Promise<void>): EventPublisher {
  const deliver = callback<typeof handle>(handle, 'handle');
  let isConnected = false;
  return {
    async connect() {
      isConnected = true;
    },
    async publish(given) {
      const events = eventsArgument(given, 'events');
      if (!isConnected) throw notConnected();
      await deliver(events);
    },
    async close() {
      isConnected = false;
    },
  };
}
