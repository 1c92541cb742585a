import { randomUUID } from 'node:crypto';
import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { EXAMPLE_TIME, IdParams, isId, PageQuery } from '../../http/fields.js';
import { isoTime } from '../../http/iso-time.js';
import { cursorToPlace, pageOf, placeIn } from '../../http/page.js';
import { route } from '../../http/route.js';
import {
  DELIVERY_STATES,
  EXAMPLE_WEBHOOK_DELIVERY,
  ReplayedWebhooksSchema,
  ReplayWebhooksSchema,
  WebhookDeliveryPageSchema,
  WebhookDeliverySchema,
  webhookDeliveryJson,
} from '../deliveries/webhook-delivery-json.js';
import { deliveryMissing } from '../deliveries/webhook-delivery-store.js';
import { endpointId, requireEvents, type WebhookServices } from './webhook-endpoints.js';

const PAGE_LIMIT = 50;
/** The type of a test event; it has no version, because it says nothing. */
const TEST_TYPE = 'webhook.test';

const DeliveriesQuery = PageQuery.extend({
  state: z.enum(DELIVERY_STATES).optional().openapi({ description: 'Only deliveries in this state' }),
});

const DeliveryParams = IdParams.extend({
  deliveryId: IdParams.shape.id.openapi({ example: EXAMPLE_WEBHOOK_DELIVERY.id }),
});

const listEndpoint = {
  operationId: 'listWebhookDeliveries',
  method: 'get',
  path: '/v1/webhook-endpoints/{id}/deliveries',
  tag: 'Webhooks',
  summary: 'List the deliveries to a webhook endpoint, the newest first',
  access: 'operator',
  scope: 'webhooks:read',
  params: IdParams,
  query: DeliveriesQuery,
  answer: {
    status: 200,
    description: 'A page of deliveries of the last 14 days',
    content: { schema: WebhookDeliveryPageSchema, example: { data: [EXAMPLE_WEBHOOK_DELIVERY], nextCursor: null } },
  },
  refusals: ['webhook_endpoint_not_found', 'invalid_cursor'],
} as const satisfies Endpoint;

const replayEndpoint = {
  operationId: 'replayWebhookDelivery',
  method: 'post',
  path: '/v1/webhook-endpoints/{id}/deliveries/{deliveryId}/replay',
  tag: 'Webhooks',
  summary: 'Send a delivery again',
  description: 'It is sent as if for the first time, with the same `webhook-id`. One that is pending is due now.',
  access: 'operator',
  scope: 'webhooks:write',
  params: DeliveryParams,
  answer: {
    status: 200,
    description: 'The delivery, pending',
    content: { schema: WebhookDeliverySchema, example: EXAMPLE_WEBHOOK_DELIVERY },
  },
  refusals: ['webhook_endpoint_not_found', 'webhook_delivery_not_found'],
} as const satisfies Endpoint;

const replayRangeEndpoint = {
  operationId: 'replayWebhooks',
  method: 'post',
  path: '/v1/webhook-endpoints/{id}/replay',
  tag: 'Webhooks',
  summary: 'Send the deliveries of a range again',
  description:
    'By position, by time, or both; in the order of the log, without test events. One request sends some thousands at most: repeat it with `nextAfter` as `after`.',
  access: 'operator',
  scope: 'webhooks:write',
  params: IdParams,
  body: { schema: ReplayWebhooksSchema, example: { state: 'failed', from: EXAMPLE_TIME } },
  answer: {
    status: 200,
    description: 'How many are sent again',
    content: { schema: ReplayedWebhooksSchema, example: { count: 12, nextAfter: null } },
  },
  refusals: ['webhook_endpoint_not_found'],
} as const satisfies Endpoint;

const testEndpoint = {
  operationId: 'testWebhookEndpoint',
  method: 'post',
  path: '/v1/webhook-endpoints/{id}/test',
  tag: 'Webhooks',
  summary: 'Send a test event to a webhook endpoint',
  description: `Its type is \`${TEST_TYPE}\`, whatever types the endpoint wants. The list of deliveries shows what came of it.`,
  access: 'operator',
  scope: 'webhooks:write',
  params: IdParams,
  answer: {
    status: 201,
    description: 'The delivery, pending',
    content: { schema: WebhookDeliverySchema, example: EXAMPLE_WEBHOOK_DELIVERY },
  },
  refusals: ['webhook_endpoint_not_found'],
} as const satisfies Endpoint;

export const listWebhookDeliveriesRoute = route(
  listEndpoint,
  ({ webhooks, ledger }: WebhookServices) =>
    async ({ params, query: { limit = PAGE_LIMIT, cursor, state } }) => {
      const { id } = await webhooks.endpoints.get(endpointId(params.id));
      const owner = `${ledger.name}:${id}`;
      const after = cursor === undefined ? undefined : placeIn(owner, cursor);
      const rows = await webhooks.deliveries.list(id, { state, after, limit: limit + 1 });
      const { data, nextCursor } = pageOf(rows, limit, (last) =>
        cursorToPlace(owner, { at: last.created_at, id: last.message_id }),
      );
      return { body: { data: data.map(webhookDeliveryJson), nextCursor } };
    },
);

export const replayWebhookDeliveryRoute = route(
  replayEndpoint,
  ({ webhooks }: WebhookServices) =>
    async ({ params }) => {
      const { id } = await webhooks.endpoints.get(endpointId(params.id));
      if (!isId(params.deliveryId)) throw deliveryMissing();
      const row = await webhooks.deliveries.replay(id, params.deliveryId);
      webhooks.wake();
      return { body: webhookDeliveryJson(row) };
    },
);

export const replayWebhooksRoute = route(
  replayRangeEndpoint,
  ({ webhooks }: WebhookServices) =>
    async ({ params, body }) => {
      const { id } = await webhooks.endpoints.get(endpointId(params.id));
      const replayed = await webhooks.deliveries.replayRange(id, body);
      webhooks.wake();
      return { body: replayed };
    },
);

export const testWebhookEndpointRoute = route(
  testEndpoint,
  ({ webhooks, ledger }: WebhookServices) =>
    async ({ principal, params }) => {
      requireEvents(principal);
      const { id: endpoint } = await webhooks.endpoints.get(endpointId(params.id));
      const id = randomUUID();
      const row = await webhooks.deliveries.test(endpoint, {
        id,
        eventId: id,
        type: TEST_TYPE,
        bodyAt: (time) =>
          JSON.stringify({
            type: TEST_TYPE,
            timestamp: isoTime(time),
            id,
            subject: endpoint,
            ledger: ledger.name,
            position: '0',
            data: {},
          }),
      });
      webhooks.wake();
      return { body: webhookDeliveryJson(row) };
    },
);
