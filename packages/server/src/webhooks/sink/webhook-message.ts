import type { LedgerEvent } from '@micropay/ledger-core';
import { isoTime } from '../../http/iso-time.js';
import { derivedId } from '../../live/derived-id.js';

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
  // The event's own id may have a full stop, which separates the parts of a signed text.
  return { id: derivedId(event), eventId: id, type, body: JSON.stringify(body), traceparent };
}
