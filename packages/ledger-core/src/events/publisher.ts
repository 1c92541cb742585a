import type { LedgerEvent } from './catalogue.js';

/** Where a relay delivers events. */
export interface EventPublisher {
  /** Reaches the destination and refuses one that could not take every event. */
  connect(): Promise<void>;
  /**
   * Delivers events in array order and resolves when the destination has them durably. It rejects when any
   * may be missing; the relay then delivers the whole batch again.
   */
  publish(events: readonly LedgerEvent[]): Promise<void>;
  close(): Promise<void>;
}
