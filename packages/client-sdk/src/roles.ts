import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, rowsOfPages } from './paging.js';
import type { ChangeOptions } from './wallets.js';

/** A role that a user has. */
export type RoleGrant = Readonly<components['schemas']['RoleGrant']>;

/** `support` reads all of the ledger, freezes and unfreezes, and moves no money. */
export type Role = components['schemas']['Role'];

/** The users who have a role. For operators only. */
export interface Roles {
  /** In the order of the users' ids, fetched page by page: `for await (const grant of …)`. */
  list(options?: PageOptions): AsyncGenerator<RoleGrant, void, undefined>;
  listPage(options?: PageOptions): Promise<Page<RoleGrant>>;
  /** May be repeated. @throws {MicroPayError} `user_not_found`, `forbidden` for a key that reaches less far than the role */
  grant(userId: string, role: Role, options?: ChangeOptions): Promise<RoleGrant>;
  /** Takes the role away. May be repeated. @throws {MicroPayError} `user_not_found`, `forbidden` */
  revoke(userId: string, role: Role, options?: ChangeOptions): Promise<void>;
}

export function createRoles({ routes, send }: Api): Roles {
  const listPage: Roles['listPage'] = async ({ signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/roles', { params: { query }, fetch }));
  };
  const change = async (
    action: 'grant' | 'revoke',
    id: string,
    role: Role,
    { signal, ...body }: ChangeOptions = {},
  ) => {
    const call = { params: { path: { id } }, body: { role, ...body }, fetch: send({ signal, repeatable: true }) };
    return bodyOf<unknown>(routes.POST(`/v1/users/{id}/roles/${action}`, call));
  };
  return {
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    grant: (id, role, options) => change('grant', id, role, options) as Promise<RoleGrant>,
    revoke: (id, role, options) => change('revoke', id, role, options) as Promise<void>,
  };
}
