import type { LedgerEvent } from './catalogue.js';

/** Where a relay delivers events. */
export interface EventPublisher {
  /**
   * Reaches the destination. Called again after `close`, and when it is connected already.
   *
   * @throws {UnfitSinkError} when the destination could not take every event: a setting of it must change
   */
  connect(): Promise<void>;
  /**
   * Delivers events in array order and resolves when the destination has them durably. It rejects when any
   * may be missing; the relay then delivers the whole batch again.
   */
  publish(events: readonly LedgerEvent[]): Promise<void>;
  close(): Promise<void>;
}

/** A destination that could not take every event until somebody changes its settings; the message says which. */
export class UnfitSinkError extends Error {
  override readonly name = 'UnfitSinkError';
}
