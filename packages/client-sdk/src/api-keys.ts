import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, rowsOfPages } from './paging.js';
import type { CallOptions } from './transport.js';
import type { ChangeOptions } from './wallets.js';

/** An API key without the key itself, of which the server stores only a hash. */
export type ApiKey = Readonly<components['schemas']['ApiKey']>;

/** A permission of an API key, such as `transfers:write`. */
export type Scope = components['schemas']['Scope'];

/** A key that was just made. Store `key`: the server cannot show it again. */
export type IssuedApiKey = Readonly<components['schemas']['IssuedApiKey']>;

export interface CreateApiKey {
  /** Unique in the ledger; also revoked keys keep theirs. 1 to 63 letters, digits, `_`, `.` and `-`. */
  readonly name: string;
  /** Only scopes that your own key has. */
  readonly scopes: readonly Scope[];
  /** CIDR blocks that the key may be used from, such as `10.0.0.0/8`; default: everywhere. */
  readonly networks?: readonly string[];
  /** Default: never. */
  readonly expiresAt?: Date | string;
  /** Why, for the audit log. */
  readonly reason?: string;
}

/** API keys of operators and services. For operators only. */
export interface ApiKeys {
  /** By name, fetched page by page: `for await (const apiKey of …)`. Revoked and expired ones too. */
  list(options?: PageOptions): AsyncGenerator<ApiKey, void, undefined>;
  listPage(options?: PageOptions): Promise<Page<ApiKey>>;
  /**
   * If the outcome is unclear (`network_error`, `timeout`), the client does not retry: revoke the key if it is listed,
   * and make another one.
   *
   * @throws {MicroPayError} `api_key_exists`, `expiry_in_past`, `forbidden` for a scope that your own key lacks
   */
  create(apiKey: CreateApiKey, options?: CallOptions): Promise<IssuedApiKey>;
  /**
   * Replaces the secret of a key; the old one works for `overlapSeconds` more, by default not at all. The client does not
   * retry if the outcome is unclear: rotate again. With an overlap, the key in use keeps working.
   *
   * @throws {MicroPayError} `api_key_not_found`, `forbidden` if the key reaches further than your own
   */
  rotate(id: string, options?: ChangeOptions & { readonly overlapSeconds?: number }): Promise<IssuedApiKey>;
  /** Ends a key permanently. @throws {MicroPayError} `api_key_not_found`, `forbidden` if it has a scope that your own lacks */
  revoke(id: string, options?: ChangeOptions): Promise<ApiKey>;
}

export function createApiKeys({ routes, send }: Api): ApiKeys {
  const listPage: ApiKeys['listPage'] = async ({ signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/api-keys', { params: { query }, fetch }));
  };
  const change = async (
    action: 'rotate' | 'revoke',
    id: string,
    repeatable: boolean,
    { signal, ...body }: ChangeOptions = {},
  ) => {
    const fetch = send({ signal, repeatable });
    return bodyOf<unknown>(routes.POST(`/v1/api-keys/{id}/${action}`, { params: { path: { id } }, body, fetch }));
  };
  return {
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    async create({ expiresAt, ...rest }, options) {
      const fetch = send({ ...options, repeatable: false });
      const end = expiresAt instanceof Date ? expiresAt.toISOString() : expiresAt;
      const body = { ...rest, scopes: [...rest.scopes], ...(end === undefined ? {} : { expiresAt: end }) };
      return bodyOf(routes.POST('/v1/api-keys', { body: body as components['schemas']['CreateApiKey'], fetch }));
    },
    rotate: (id, options) => change('rotate', id, false, options) as Promise<IssuedApiKey>,
    revoke: (id, options) => change('revoke', id, true, options) as Promise<ApiKey>,
  };
}
