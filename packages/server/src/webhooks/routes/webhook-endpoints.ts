import { z } from '@hono/zod-openapi';
import { ProblemError } from '../../errors/problem.js';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, isId, OverlapSecondsField, PageQuery } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { cursorTo, keyIn, pageOf } from '../../http/page.js';
import { type LedgerServices, route } from '../../http/route.js';
import type { Operator } from '../../identity/principal.js';
import { refuseReceiverUrl } from '../endpoints/receiver-url.js';
import {
  ChangeWebhookEndpointSchema,
  CreateWebhookEndpointSchema,
  EXAMPLE_ISSUED_WEBHOOK_ENDPOINT,
  EXAMPLE_WEBHOOK_ENDPOINT,
  IssuedWebhookEndpointSchema,
  issuedWebhookEndpointJson,
  WebhookEndpointPageSchema,
  WebhookEndpointSchema,
  webhookEndpointJson,
} from '../endpoints/webhook-endpoint-json.js';
import { endpointMissing } from '../endpoints/webhook-endpoint-store.js';
import type { Webhooks } from '../webhooks.js';

export interface WebhookServices extends LedgerServices {
  readonly webhooks: Webhooks;
}

const PAGE_LIMIT = 50;

const RotateWebhookSecretSchema = z
  .strictObject({
    overlapSeconds: OverlapSecondsField.openapi({
      description: 'For how long the old secret signs beside the new one. Default: 0',
    }),
  })
  .openapi('RotateWebhookSecret');

const SHOWS_EVENTS = 'The key needs the scope `events:read` as well, because the receiver sees the events.';

const listEndpoint = {
  operationId: 'listWebhookEndpoints',
  method: 'get',
  path: '/v1/webhook-endpoints',
  tag: 'Webhooks',
  summary: 'List webhook endpoints, the oldest first',
  access: 'operator',
  scope: 'webhooks:read',
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of webhook endpoints',
    content: { schema: WebhookEndpointPageSchema, example: { data: [EXAMPLE_WEBHOOK_ENDPOINT], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const createEndpoint = {
  operationId: 'createWebhookEndpoint',
  method: 'post',
  path: '/v1/webhook-endpoints',
  tag: 'Webhooks',
  summary: 'Send events to a URL',
  description: `Every event that is committed after the response is sent at least once. ${SHOWS_EVENTS}`,
  access: 'operator',
  scope: 'webhooks:write',
  body: {
    schema: CreateWebhookEndpointSchema,
    example: {
      url: 'https://shop.example.com/webhooks',
      eventTypes: ['transfer.posted.v1'],
      metadata: { shop: 'berlin' },
    },
  },
  recordsAct: true,
  answer: {
    status: 201,
    description: 'The endpoint, and its secret, which cannot be shown again',
    content: { schema: IssuedWebhookEndpointSchema, example: EXAMPLE_ISSUED_WEBHOOK_ENDPOINT },
  },
  refusals: ['webhook_url_refused', 'too_many_webhook_endpoints', 'transaction_conflict'],
} as const satisfies Endpoint;

const getEndpoint = {
  operationId: 'getWebhookEndpoint',
  method: 'get',
  path: '/v1/webhook-endpoints/{id}',
  tag: 'Webhooks',
  summary: 'Get a webhook endpoint',
  access: 'operator',
  scope: 'webhooks:read',
  params: IdParams,
  answer: {
    status: 200,
    description: 'The endpoint',
    content: { schema: WebhookEndpointSchema, example: EXAMPLE_WEBHOOK_ENDPOINT },
  },
  refusals: ['webhook_endpoint_not_found'],
} as const satisfies Endpoint;

const changeEndpoint = {
  operationId: 'changeWebhookEndpoint',
  method: 'patch',
  path: '/v1/webhook-endpoints/{id}',
  tag: 'Webhooks',
  summary: 'Change, enable or disable a webhook endpoint',
  description: `Filters and order count for events that are committed after the response, and for events of some moments before it. What waits already is sent to the new URL. A URL, and \`enabled: true\`, end the pauses of an endpoint that has failed. ${SHOWS_EVENTS}`,
  access: 'operator',
  scope: 'webhooks:write',
  params: IdParams,
  body: { schema: ChangeWebhookEndpointSchema, example: { enabled: true } },
  answer: {
    status: 200,
    description: 'The endpoint as it is now',
    content: { schema: WebhookEndpointSchema, example: EXAMPLE_WEBHOOK_ENDPOINT },
  },
  refusals: ['webhook_endpoint_not_found', 'webhook_url_refused'],
} as const satisfies Endpoint;

const rotateEndpoint = {
  operationId: 'rotateWebhookSecret',
  method: 'post',
  path: '/v1/webhook-endpoints/{id}/rotate-secret',
  tag: 'Webhooks',
  summary: 'Replace the secret of a webhook endpoint',
  access: 'operator',
  scope: 'webhooks:write',
  params: IdParams,
  body: { schema: RotateWebhookSecretSchema, example: { overlapSeconds: 3_600 }, optional: true },
  answer: {
    status: 200,
    description: 'The endpoint, and its new secret, which cannot be shown again',
    content: { schema: IssuedWebhookEndpointSchema, example: EXAMPLE_ISSUED_WEBHOOK_ENDPOINT },
  },
  refusals: ['webhook_endpoint_not_found'],
} as const satisfies Endpoint;

const deleteEndpoint = {
  operationId: 'deleteWebhookEndpoint',
  method: 'delete',
  path: '/v1/webhook-endpoints/{id}',
  tag: 'Webhooks',
  summary: 'Delete a webhook endpoint and its deliveries',
  access: 'operator',
  scope: 'webhooks:write',
  params: IdParams,
  answer: { status: 204, description: 'It is deleted' },
  refusals: ['webhook_endpoint_not_found'],
} as const satisfies Endpoint;

export const listWebhookEndpointsRoute = route(
  listEndpoint,
  ({ webhooks, ledger }: WebhookServices) =>
    async ({ query: { limit = PAGE_LIMIT, cursor } }) => {
      const after = cursor === undefined ? undefined : keyIn(ledger.name, cursor);
      const rows = await webhooks.endpoints.list({ after, limit: limit + 1 });
      const { data, nextCursor } = pageOf(rows, limit, ({ id }) => cursorTo(ledger.name, id));
      return { body: { data: data.map(webhookEndpointJson), nextCursor } };
    },
);

export const createWebhookEndpointRoute = route(
  createEndpoint,
  ({ webhooks }: WebhookServices) =>
    async ({ principal, body, act }) => {
      requireEvents(principal);
      refuseReceiverUrl(body.url, webhooks.addresses);
      const { description = null, eventTypes = null, accountPath = null, metadata = null, ordered = 'none' } = body;
      const settings = { url: body.url, description, eventTypes, accountPath, metadata, ordered };
      const issued = await webhooks.create(settings, act);
      return { body: issuedWebhookEndpointJson(issued) };
    },
);

export const getWebhookEndpointRoute = route(getEndpoint, ({ webhooks }: WebhookServices) => async ({ params }) => ({
  body: webhookEndpointJson(await webhooks.endpoints.get(endpointId(params.id))),
}));

export const changeWebhookEndpointRoute = route(
  changeEndpoint,
  ({ webhooks }: WebhookServices) =>
    async ({ principal, params, body: { enabled, ...settings } }) => {
      requireEvents(principal);
      const id = endpointId(params.id);
      if (settings.url !== undefined) refuseReceiverUrl(settings.url, webhooks.addresses);
      let row = await webhooks.endpoints.change(id, given(settings));
      if (enabled === true) row = await webhooks.endpoints.enable(id);
      if (enabled === false) row = await webhooks.endpoints.disable(id, 'operator');
      webhooks.wake();
      return { body: webhookEndpointJson(row) };
    },
);

export const rotateWebhookSecretRoute = route(
  rotateEndpoint,
  ({ webhooks }: WebhookServices) =>
    async ({ params, body: { overlapSeconds = 0 } }) => {
      const issued = await webhooks.endpoints.rotate(endpointId(params.id), overlapSeconds);
      return { body: issuedWebhookEndpointJson(issued) };
    },
);

export const deleteWebhookEndpointRoute = route(
  deleteEndpoint,
  ({ webhooks }: WebhookServices) =>
    async ({ params }) => {
      await webhooks.endpoints.remove(endpointId(params.id));
      return { body: undefined };
    },
);

/** @throws {ProblemError} `webhook_endpoint_not_found` for a text that is no id */
export function endpointId(text: string): string {
  if (!isId(text)) throw endpointMissing();
  return text;
}

/** A key that may not read events must not have them sent to somebody. @throws {ProblemError} `forbidden` */
export function requireEvents({ scopes }: Operator): void {
  if (!scopes.has('events:read')) throw new ProblemError('forbidden', 'this key lacks the scope "events:read"');
}
