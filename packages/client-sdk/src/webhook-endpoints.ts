import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, rowsOfPages } from './paging.js';
import type { CallOptions } from './transport.js';

type Schemas = components['schemas'];

/** A receiver of events, without its secret. */
export type WebhookEndpoint = Readonly<Schemas['WebhookEndpoint']>;

/** An endpoint that was just made, or whose secret was. Store `secret`: the server cannot show it again. */
export type IssuedWebhookEndpoint = Readonly<Schemas['IssuedWebhookEndpoint']>;

/** An event on its way to one endpoint. */
export type WebhookDelivery = Readonly<Schemas['WebhookDelivery']>;

export type CreateWebhookEndpoint = Schemas['CreateWebhookEndpoint'];
export type ChangeWebhookEndpoint = Schemas['ChangeWebhookEndpoint'];

export interface WebhookDeliveryOptions extends PageOptions {
  readonly state?: WebhookDelivery['state'];
}

/** Deliveries of a range, by position, by time, or both. */
export type WebhookRange = Schemas['ReplayWebhooks'];

/** Webhook endpoints and what was sent to them. For operators only. Verify what you receive with `@micropay/client-sdk/webhooks`. */
export interface WebhookEndpoints {
  /** The oldest first, fetched page by page: `for await (const endpoint of …)`. */
  list(options?: PageOptions): AsyncGenerator<WebhookEndpoint, void, undefined>;
  listPage(options?: PageOptions): Promise<Page<WebhookEndpoint>>;
  /**
   * The client does not retry if the outcome is unclear: delete the endpoint if it is listed, and make another one.
   *
   * @throws {MicroPayError} `webhook_url_refused`, `too_many_webhook_endpoints`, `forbidden`
   */
  create(endpoint: CreateWebhookEndpoint, options?: CallOptions): Promise<IssuedWebhookEndpoint>;
  /** @throws {MicroPayError} `webhook_endpoint_not_found` */
  get(id: string, options?: CallOptions): Promise<WebhookEndpoint>;
  /** Members that are left out stay; `enabled` disables or enables it. @throws {MicroPayError} `webhook_endpoint_not_found`, `webhook_url_refused` */
  change(id: string, changes: ChangeWebhookEndpoint, options?: CallOptions): Promise<WebhookEndpoint>;
  /** Replaces the secret; the old one signs too for `overlapSeconds` more, by default not at all. @throws {MicroPayError} `webhook_endpoint_not_found` */
  rotateSecret(
    id: string,
    options?: CallOptions & { readonly overlapSeconds?: number },
  ): Promise<IssuedWebhookEndpoint>;
  /** Its deliveries go with it. @throws {MicroPayError} `webhook_endpoint_not_found` */
  delete(id: string, options?: CallOptions): Promise<void>;
  /** Sends a test event. @throws {MicroPayError} `webhook_endpoint_not_found` */
  test(id: string, options?: CallOptions): Promise<WebhookDelivery>;
  /** The newest first, fetched page by page. */
  deliveries(id: string, options?: WebhookDeliveryOptions): AsyncGenerator<WebhookDelivery, void, undefined>;
  deliveriesPage(id: string, options?: WebhookDeliveryOptions): Promise<Page<WebhookDelivery>>;
  /** Sends a delivery again, with the same id. @throws {MicroPayError} `webhook_delivery_not_found` */
  replay(id: string, deliveryId: string, options?: CallOptions): Promise<WebhookDelivery>;
  /** Sends the deliveries of a range again, and returns how many. @throws {MicroPayError} `webhook_endpoint_not_found` */
  replayRange(id: string, range: WebhookRange, options?: CallOptions): Promise<number>;
}

export function createWebhookEndpoints({ routes, send }: Api): WebhookEndpoints {
  const listPage: WebhookEndpoints['listPage'] = async ({ signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/webhook-endpoints', { params: { query }, fetch }));
  };
  const deliveriesPage: WebhookEndpoints['deliveriesPage'] = async (id, { signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/webhook-endpoints/{id}/deliveries', { params: { path: { id }, query }, fetch }));
  };
  const at = (id: string, call: CallOptions | undefined, repeatable = true) => ({
    params: { path: { id } },
    fetch: send({ ...call, repeatable }),
  });
  return {
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    async create(body, options) {
      const fetch = send({ ...options, repeatable: false });
      return bodyOf(routes.POST('/v1/webhook-endpoints', { body, fetch }));
    },
    get: async (id, options) => bodyOf(routes.GET('/v1/webhook-endpoints/{id}', at(id, options))),
    change: async (id, body, options) =>
      bodyOf(routes.PATCH('/v1/webhook-endpoints/{id}', { ...at(id, options), body })),
    async rotateSecret(id, { signal, ...body } = {}) {
      return bodyOf(routes.POST('/v1/webhook-endpoints/{id}/rotate-secret', { ...at(id, { signal }, false), body }));
    },
    async delete(id, options) {
      await bodyOf(routes.DELETE('/v1/webhook-endpoints/{id}', at(id, options, false)));
    },
    test: async (id, options) => bodyOf(routes.POST('/v1/webhook-endpoints/{id}/test', at(id, options, false))),
    deliveries: (id, options = {}) => rowsOfPages((page) => deliveriesPage(id, page), options),
    deliveriesPage,
    async replay(id, deliveryId, options) {
      const fetch = send({ ...options, repeatable: true });
      const params = { path: { id, deliveryId } };
      return bodyOf(routes.POST('/v1/webhook-endpoints/{id}/deliveries/{deliveryId}/replay', { params, fetch }));
    },
    async replayRange(id, range, options) {
      let count = 0;
      let body: WebhookRange | null = range;
      while (body !== null) {
        const page: Schemas['ReplayedWebhooks'] = await bodyOf(
          routes.POST('/v1/webhook-endpoints/{id}/replay', { ...at(id, options), body }),
        );
        count += page.count;
        body = page.nextAfter === null ? null : { ...range, after: page.nextAfter };
      }
      return count;
    },
  };
}
