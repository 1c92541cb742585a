import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, InstantField, NextCursorField, TimeField } from '../../http/fields.js';
import { isoTime } from '../../http/iso-time.js';
import { ATTEMPT_ERRORS, type AttemptError } from '../sending/post-webhook.js';
import type { WebhookDeliveryRow } from './webhook-delivery-store.js';

export const DELIVERY_STATES = ['pending', 'delivered', 'failed'] as const;

const PositionField = z
  .string()
  .regex(/^(?:0|[1-9][0-9]{0,17})$/, 'must be a position of an event: at most 18 digits')
  .openapi({ example: '1042' });

export const WebhookDeliverySchema = z
  .object({
    id: IdField.openapi({ description: 'The `webhook-id` of every attempt is `msg_` and this' }),
    eventId: z.string(),
    eventType: z.string(),
    position: z.string().openapi({ description: 'The `position` of the event; 0 for a test event' }),
    state: z.enum(DELIVERY_STATES).openapi({
      description: '`failed` after the last attempt, or when the receiver answered 410',
    }),
    attempts: z.int(),
    status: z.int().nullable().openapi({ description: 'Of the last response; null if none came' }),
    error: z
      .enum(ATTEMPT_ERRORS)
      .nullable()
      .openapi({ description: 'Why the last attempt failed; null if it did not' }),
    durationMs: z.int().nullable().openapi({ description: 'Of the last attempt; null before the first' }),
    createdAt: TimeField,
    attemptedAt: TimeField.nullable().openapi({ description: 'When the last attempt ended; null before the first' }),
    nextAttemptAt: TimeField.nullable().openapi({
      description: 'The earliest time of the next attempt; null unless it is pending',
    }),
    finishedAt: TimeField.nullable().openapi({ description: 'Null while it is pending' }),
  })
  .openapi('WebhookDelivery', { description: 'An event on its way to one endpoint; kept for 14 days' });

export const WebhookDeliveryPageSchema = z
  .object({ data: z.array(WebhookDeliverySchema), nextCursor: NextCursorField })
  .openapi('WebhookDeliveryPage');

export const ReplayWebhooksSchema = z
  .strictObject({
    state: z
      .enum(['delivered', 'failed'])
      .optional()
      .openapi({ description: 'Only deliveries in this state. Default: both' }),
    after: PositionField.optional().openapi({ description: 'Events behind this position' }),
    through: PositionField.optional().openapi({ description: 'Events up to this position' }),
    from: InstantField.optional().openapi({ description: 'Deliveries that were made at this time or later' }),
    to: InstantField.optional().openapi({ description: 'Deliveries that were made before this time' }),
  })
  .openapi('ReplayWebhooks', { description: 'The limits count together' });

export const ReplayedWebhooksSchema = z
  .object({
    count: z.int().openapi({ description: 'Deliveries that are sent again' }),
    nextAfter: z.string().nullable().openapi({
      description: 'Null if these were all; otherwise repeat the request with this as `after`',
    }),
  })
  .openapi('ReplayedWebhooks');

export const EXAMPLE_WEBHOOK_DELIVERY: z.input<typeof WebhookDeliverySchema> = {
  id: '6b1f0a5e-2c8d-8f47-8a3b-5d9e1c7f4b20',
  eventId: `${EXAMPLE_IDS.transfer}/transfer.posted`,
  eventType: 'transfer.posted.v1',
  position: '1042',
  state: 'pending',
  attempts: 1,
  status: 500,
  error: 'bad_status',
  durationMs: 38,
  createdAt: EXAMPLE_TIME,
  attemptedAt: EXAMPLE_TIME,
  nextAttemptAt: EXAMPLE_TIME,
  finishedAt: null,
};

export function webhookDeliveryJson(row: WebhookDeliveryRow): z.input<typeof WebhookDeliverySchema> {
  return {
    id: row.message_id,
    eventId: row.event_id,
    eventType: row.type,
    position: row.position,
    state: row.state,
    attempts: row.attempts,
    status: row.status,
    error: row.error as AttemptError | null,
    durationMs: row.duration_ms,
    createdAt: isoTime(row.created_at),
    attemptedAt: timeOrNull(row.attempted_at),
    nextAttemptAt: row.state === 'pending' ? isoTime(row.due_at) : null,
    finishedAt: timeOrNull(row.finished_at),
  };
}

function timeOrNull(instant: Date | null): string | null {
  return instant === null ? null : isoTime(instant);
}
