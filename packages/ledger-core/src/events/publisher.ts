import { list, objectWith, readable, valid } from '../domain/input/arguments.js';
import { LedgerError } from '../errors.js';
import type { LedgerEvent } from './catalogue.js';

/** The destination that a relay delivers events to. */
export interface EventPublisher {
  /**
   * Connects to the destination. May be called again after `close`, or when already connected.
   *
   * @throws {MisconfiguredSinkError} if the destination cannot accept every event and its settings must be changed
   */
  connect(): Promise<void>;
  /**
   * Delivers events in array order and resolves when the destination has stored them durably. It rejects if any
   * may be missing; the relay then delivers the whole batch again.
   */
  publish(events: readonly LedgerEvent[]): Promise<void>;
  close(): Promise<void>;
}

export const publisherArgument = objectWith<EventPublisher>(
  'a publisher with connect(), publish() and close()',
  'connect',
  'publish',
  'close',
);

const isEvent = (value: unknown) => hasTexts(value, ['id', 'type', 'subject']);

/** A batch of events, as a relay hands it over. */
export const eventsArgument = list(readable(valid<LedgerEvent>(isEvent, 'must be an event of the ledger')));

/** Whether a value, whatever it is, is an object whose members of these names are texts. */
export function hasTexts(value: unknown, names: readonly string[]): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => typeof (value as Record<string, unknown>)[name] === 'string')
  );
}

/** The error of a publisher that is not connected yet. */
export function notConnected(): LedgerError {
  return new LedgerError('invalid_request', 'connect the publisher first');
}

/** A destination that cannot accept every event until its settings are changed; the message says which. */
export class MisconfiguredSinkError extends Error {
  override readonly name = 'MisconfiguredSinkError';
}
