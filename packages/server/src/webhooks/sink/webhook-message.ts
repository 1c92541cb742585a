import { hash } from 'node:crypto';
import type { LedgerEvent } from '@micropay/ledger-core';
import { isoTime } from '../../http/iso-time.js';

/** An event as it is sent, the same to every endpoint. */
export interface WebhookMessage {
  readonly id: string;
  readonly eventId: string;
  readonly type: string;
  readonly body: string;
  readonly traceparent: string | null;
}

/** `timestamp` and `type` are as Standard Webhooks names them; amounts are texts, as everywhere. */
export function webhookMessage(event: LedgerEvent): WebhookMessage {
  const { id, type, subject, ledger, time, position, data, traceparent = null } = event;
  const body = { type, timestamp: isoTime(time), id, subject, ledger, position: String(position), data };
  return { id: messageId(ledger, id), eventId: id, type, body: JSON.stringify(body), traceparent };
}

/**
 * A UUID made of what names the event for ever, so that a message that is written again after a crash is the same one, and
 * receivers know it. The event's own id may have a full stop, which separates the parts of a signed text.
 */
function messageId(ledger: string, eventId: string): string {
  const digits = hash('sha256', `${ledger}\n${eventId}`, 'hex');
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join('-');
}
