import { list } from '../domain/input/arguments.js';
import type { EventType, LedgerEvent } from '../events/catalogue.js';
import { checkDefinition, type DomainEventDefinition } from '../events/domain-event.js';
import { topicName } from './arguments.js';

/** A CloudEvents 1.0 event in Kafka's binary mode: attributes as headers, the data as the value. */
export interface KafkaMessage {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string;
}

/** Topic names after the prefix, of the events that the ledger itself writes. */
export const TOPIC_NAMES = ['transfers', 'accounts'] as const;
export type TopicName = (typeof TOPIC_NAMES)[number];

/**
 * Returns the Kafka topics that events are delivered to: the ledger's own, and those of domain events.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function eventTopics(
  topicPrefix: string,
  domainEvents: readonly DomainEventDefinition[] = [],
): readonly string[] {
  topicName(topicPrefix, 'topicPrefix');
  const own = list(checkDefinition)(domainEvents, 'domainEvents').map(({ topic }) => topic);
  return [...new Set([...TOPIC_NAMES, ...own])].map((name) => `${topicPrefix}.${name}`);
}

export const TOPIC_OF: Readonly<Record<EventType, TopicName>> = {
  'account.opened.v1': 'accounts',
  'account.frozen.v1': 'accounts',
  'account.unfrozen.v1': 'accounts',
  'account.closed.v1': 'accounts',
  'account.limits_changed.v1': 'accounts',
  'balance.changed.v1': 'accounts',
  'transfer.posted.v1': 'transfers',
  'transfer.reversed.v1': 'transfers',
  'hold.placed.v1': 'transfers',
  'hold.captured.v1': 'transfers',
  'hold.released.v1': 'transfers',
  'hold.expired.v1': 'transfers',
  'transfer.requested.v1': 'transfers',
  'transfer.refused.v1': 'transfers',
  'transfer.request_replayed.v1': 'transfers',
};

export function topicOf(event: LedgerEvent): string {
  return 'topic' in event ? event.topic : TOPIC_OF[event.type];
}

/**
 * CloudEvents 1.0 and its Kafka protocol binding, section 3.2 (binary content mode). The key is the subject:
 * transfers are keyed by transfer, what becomes of a hold by hold, and everything of an account by account, so that a partition keeps each
 * account's order. The trace goes on by CloudEvents' distributed tracing extension, and under the plain name, where
 * instrumentations of Kafka clients look for it.
 */
export function toKafkaMessage(event: LedgerEvent): KafkaMessage {
  const { traceparent } = event;
  return {
    topic: topicOf(event),
    key: event.subject,
    headers: {
      ce_specversion: '1.0',
      ce_id: event.id,
      ce_type: event.type,
      ce_source: `/ledgers/${encodeURIComponent(event.ledger)}`,
      ce_subject: event.subject,
      ce_time: event.time.toISOString(),
      ce_position: String(event.position),
      'content-type': 'application/json',
      ...(traceparent === undefined ? {} : { ce_traceparent: traceparent, traceparent }),
    },
    value: JSON.stringify(event.data),
  };
}
