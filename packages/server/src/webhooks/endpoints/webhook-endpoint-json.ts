import { z } from '@hono/zod-openapi';
import {
  AddressField,
  EXAMPLE_TIME,
  IdField,
  MEMBER_NAME,
  NextCursorField,
  STORABLE,
  TimeField,
  textField,
} from '../../http/fields.js';
import { isoTime } from '../../http/iso-time.js';
import { EVENT_TYPE_JSON, isEventTypeName } from '../../live/live-event-json.js';
import { secretText } from '../sending/sign.js';
import { URL_LENGTH_MAX } from './receiver-url.js';
import {
  DISABLED_REASONS,
  type DisabledReason,
  type IssuedWebhookEndpoint,
  type WebhookEndpointRow,
} from './webhook-endpoint-store.js';

const EVENT_TYPES_MAX = 50;
const METADATA_MEMBERS_MAX = 10;
const MEMBER_LENGTH_MAX = 100;
const DESCRIPTION_LENGTH_MAX = 200;

const EventTypeField = z
  .string()
  .max(MEMBER_LENGTH_MAX)
  .refine(isEventTypeName, 'must be the type of an event such as transfer.posted.v1')
  .openapi({ type: 'string', maxLength: MEMBER_LENGTH_MAX, ...EVENT_TYPE_JSON });

const EventTypesField = z
  .array(EventTypeField)
  .min(1)
  .max(EVENT_TYPES_MAX)
  .nullable()
  .openapi({ description: 'Only events of these types; null for every type', example: ['transfer.posted.v1'] });

const AccountPathField = AddressField.nullable().openapi({
  description:
    'Only events about an account at or below this path: `users:42` has `users:42:usd`. Events of your application are about no account. Null for all',
  example: 'fees',
});

/** A record that may be null loses its members in the document. */
const MEMBERS_JSON = {
  propertyNames: { minLength: 1, maxLength: MEMBER_LENGTH_MAX, pattern: MEMBER_NAME },
  additionalProperties: {
    anyOf: [
      { type: 'string' as const, maxLength: MEMBER_LENGTH_MAX, pattern: STORABLE.source },
      { type: 'number' as const },
      { type: 'boolean' as const },
    ],
  },
};

const MetadataFilterField = z
  .record(
    textField({ min: 1, max: MEMBER_LENGTH_MAX }).refine((name) => name !== '__proto__', 'must not be __proto__'),
    z.union([textField({ max: MEMBER_LENGTH_MAX }), z.number(), z.boolean()]),
  )
  .refine((members) => isCountWithin(members), `must have 1 to ${METADATA_MEMBERS_MAX} members`)
  .nullable()
  .openapi({
    type: ['object', 'null'],
    minProperties: 1,
    maxProperties: METADATA_MEMBERS_MAX,
    ...MEMBERS_JSON,
    description: 'Only events whose metadata has these members with these values; null for all',
    example: { shop: 'berlin' },
  });

function isCountWithin(members: object): boolean {
  const { length } = Object.keys(members);
  return length >= 1 && length <= METADATA_MEMBERS_MAX;
}

const UrlField = z.string().min(1).max(URL_LENGTH_MAX).openapi({
  description: 'Where events are sent: https, without a user, a password or a fragment, and at a public address',
  example: 'https://shop.example.com/webhooks',
});

const DescriptionField = textField({ max: DESCRIPTION_LENGTH_MAX }).nullable().openapi({ example: 'The shop' });

const OrderedField = z.enum(['account', 'none']).openapi({
  description:
    '`account`: the events of each account one after the other, in order; one that cannot be delivered holds back the later ones of its accounts. `none`: each as soon as possible',
});

export const CreateWebhookEndpointSchema = z
  .strictObject({
    url: UrlField,
    description: DescriptionField.optional(),
    eventTypes: EventTypesField.optional(),
    accountPath: AccountPathField.optional(),
    metadata: MetadataFilterField.optional(),
    ordered: OrderedField.optional(),
  })
  .openapi('CreateWebhookEndpoint', { description: 'Without filters it receives every event of the ledger' });

export const ChangeWebhookEndpointSchema = z
  .strictObject({
    url: UrlField.optional(),
    description: DescriptionField.optional(),
    eventTypes: EventTypesField.optional(),
    accountPath: AccountPathField.optional(),
    metadata: MetadataFilterField.optional(),
    ordered: OrderedField.optional(),
    enabled: z.boolean().optional().openapi({ description: 'True sends what waits, in order; false keeps it waiting' }),
  })
  .openapi('ChangeWebhookEndpoint', { description: 'What is left out stays as it is' });

export const WebhookEndpointSchema = z
  .object({
    id: IdField,
    url: z.string(),
    description: z.string().nullable(),
    eventTypes: z.array(z.string()).nullable().openapi({ description: 'Null for every type' }),
    accountPath: z.string().nullable().openapi({ description: 'Null for all accounts' }),
    metadata: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .nullable()
      .openapi({ description: 'Null for any metadata' }),
    ordered: z.enum(['account', 'none']),
    enabled: z.boolean(),
    disabledAt: TimeField.nullable(),
    disabledReason: z.enum(DISABLED_REASONS).nullable().openapi({
      description: '`operator`, `gone` (the receiver answered 410) or `failing` (every attempt of an event failed)',
    }),
    previousSecretUntil: TimeField.nullable().openapi({
      description: 'The time until which the secret before the last rotation signs too; null if it was never rotated',
    }),
    createdBy: z.string(),
    createdAt: TimeField,
  })
  .openapi('WebhookEndpoint', { description: 'A receiver of events, without its secret' });

export const WebhookEndpointPageSchema = z
  .object({ data: z.array(WebhookEndpointSchema), nextCursor: NextCursorField })
  .openapi('WebhookEndpointPage');

export const IssuedWebhookEndpointSchema = z
  .object({
    secret: z.string().openapi({ description: 'Signs what is sent. It cannot be shown again' }),
    endpoint: WebhookEndpointSchema,
  })
  .openapi('IssuedWebhookEndpoint');

export const EXAMPLE_WEBHOOK_ENDPOINT: z.input<typeof WebhookEndpointSchema> = {
  id: '0199a1d7-52b1-7c6e-9a40-2f8e6d1b3c95',
  url: 'https://shop.example.com/webhooks',
  description: 'The shop',
  eventTypes: ['transfer.posted.v1'],
  accountPath: null,
  metadata: { shop: 'berlin' },
  ordered: 'none',
  enabled: true,
  disabledAt: null,
  disabledReason: null,
  previousSecretUntil: null,
  createdBy: 'operator:0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10',
  createdAt: EXAMPLE_TIME,
};

export const EXAMPLE_ISSUED_WEBHOOK_ENDPOINT: z.input<typeof IssuedWebhookEndpointSchema> = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=',
  endpoint: EXAMPLE_WEBHOOK_ENDPOINT,
};

export function webhookEndpointJson(row: WebhookEndpointRow): z.input<typeof WebhookEndpointSchema> {
  return {
    id: row.id,
    url: row.url,
    description: row.description,
    eventTypes: row.event_types,
    accountPath: row.account_path,
    metadata: row.metadata,
    ordered: row.ordered,
    enabled: row.disabled_at === null,
    disabledAt: timeOrNull(row.disabled_at),
    disabledReason: row.disabled_reason as DisabledReason | null,
    previousSecretUntil: timeOrNull(row.previous_until),
    createdBy: row.created_by,
    createdAt: isoTime(row.created_at),
  };
}

export function issuedWebhookEndpointJson({
  secret,
  row,
}: IssuedWebhookEndpoint): z.input<typeof IssuedWebhookEndpointSchema> {
  return { secret: secretText(secret), endpoint: webhookEndpointJson(row) };
}

function timeOrNull(instant: Date | null): string | null {
  return instant === null ? null : isoTime(instant);
}
