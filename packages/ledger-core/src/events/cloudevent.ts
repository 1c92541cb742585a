import type { LedgerEvent } from './catalogue.js';

/** A CloudEvents 1.0 event in Kafka's binary mode: attributes as headers, the data as the value. */
export interface KafkaMessage {
  readonly topic: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: string;
}

/**
 * CloudEvents 1.0 and its Kafka protocol binding, section 3.2 (binary content mode). Transfers are keyed by
 * transfer and everything of an account by account, so that a partition keeps each account's order.
 */
export function toKafkaMessage(event: LedgerEvent, topicPrefix: string): KafkaMessage {
  const topic = event.type.startsWith('transfer.') ? 'transfers' : 'accounts';
  return {
    topic: `${topicPrefix}.${topic}`,
    key: event.subject,
    headers: {
      ce_specversion: '1.0',
      ce_id: event.id,
      ce_type: event.type,
      ce_source: `/ledgers/${event.ledger}`,
      ce_subject: event.subject,
      ce_time: event.time.toISOString(),
      ...(event.type === 'balance.changed.v1' ? { ce_sequence: event.data.sequence } : {}),
      'content-type': 'application/json',
    },
    value: JSON.stringify(event.data),
  };
}
