import { z } from '@hono/zod-openapi';
import type { Database } from '../../database/connect.js';
import { ProblemError } from '../../errors/problem.js';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, PageQuery, ReasonField } from '../../http/fields.js';
import { cursorTo, keyIn, pageOf } from '../../http/page.js';
import { type LedgerServices, route } from '../../http/route.js';
import type { Operator } from '../../identity/principal.js';
import { SUPPORT_SCOPES } from '../../identity/scope.js';
import { userIdIn } from '../../users/user-id-in.js';
import { EXAMPLE_ROLE_GRANT, RoleField, RoleGrantPageSchema, RoleGrantSchema, roleGrantJson } from '../role-json.js';
import { grantSupport, listRoles, revokeSupport } from '../role-store.js';
import type { SupportUsers } from '../support-users.js';

export interface RoleServices extends LedgerServices {
  readonly database: Database;
  readonly supportUsers: SupportUsers;
}

const PAGE_LIMIT = 50;

const ChangeRoleSchema = z.strictObject({ role: RoleField, reason: ReasonField.optional() }).openapi('ChangeRole');
const EXAMPLE_CHANGE = { role: 'support', reason: 'Ticket 1042' };

const listRolesEndpoint = {
  operationId: 'listRoles',
  method: 'get',
  path: '/v1/roles',
  tag: 'Operators',
  summary: 'List the users who have a role',
  access: 'operator',
  scope: 'roles:read',
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of roles, by the ids of their users',
    content: { schema: RoleGrantPageSchema, example: { data: [EXAMPLE_ROLE_GRANT], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const grantRoleEndpoint = {
  operationId: 'grantRole',
  method: 'post',
  path: '/v1/users/{id}/roles/grant',
  tag: 'Operators',
  summary: 'Grant a role to a user',
  description:
    'May be repeated. A key grants only a role whose scopes it has, and none if it has networks or an end of its own. It counts on every server within three seconds.',
  access: 'operator',
  scope: 'roles:write',
  recordsAct: true,
  params: IdParams,
  body: { schema: ChangeRoleSchema, example: EXAMPLE_CHANGE },
  answer: {
    status: 200,
    description: 'The role that the user has',
    content: { schema: RoleGrantSchema, example: EXAMPLE_ROLE_GRANT },
  },
  refusals: ['user_not_found'],
} as const satisfies Endpoint;

const revokeRoleEndpoint = {
  operationId: 'revokeRole',
  method: 'post',
  path: '/v1/users/{id}/roles/revoke',
  tag: 'Operators',
  summary: 'Take a role from a user',
  description:
    'May be repeated. A key takes only a role whose scopes it has. It ends on every server within three seconds.',
  access: 'operator',
  scope: 'roles:write',
  recordsAct: true,
  params: IdParams,
  body: { schema: ChangeRoleSchema, example: EXAMPLE_CHANGE },
  answer: { status: 204, description: 'The user does not have the role' },
  refusals: ['user_not_found'],
} as const satisfies Endpoint;

export const listRolesRoute = route(
  listRolesEndpoint,
  ({ database, ledger }: RoleServices) =>
    async ({ query: { limit = PAGE_LIMIT, cursor } }) => {
      const after = cursor === undefined ? undefined : keyIn(ledger.name, cursor);
      const grants = await listRoles(database, ledger.name, { after, limit: limit + 1 });
      const { data, nextCursor } = pageOf(grants, limit, ({ userId }) => cursorTo(ledger.name, userId));
      return { body: { data: data.map(roleGrantJson), nextCursor } };
    },
);

export const grantRoleRoute = route(
  grantRoleEndpoint,
  ({ database, ledger, supportUsers }: RoleServices) =>
    async ({ principal, params, act }) => {
      requireScopesOfRole(principal);
      requireUnlimited(principal);
      const grant = await grantSupport(database, ledger.name, userIdIn(params.id), act);
      await supportUsers.reload();
      return { body: roleGrantJson(grant) };
    },
);

export const revokeRoleRoute = route(
  revokeRoleEndpoint,
  ({ database, ledger, supportUsers }: RoleServices) =>
    async ({ principal, params, act }) => {
      requireScopesOfRole(principal);
      await revokeSupport(database, ledger.name, userIdIn(params.id), act);
      await supportUsers.reload();
      return { body: undefined };
    },
);

/**
 * Through a user whom it made support, a key would reach further than itself.
 *
 * @throws {ProblemError} `forbidden`
 */
function requireScopesOfRole({ scopes }: Operator): void {
  const missing = [...SUPPORT_SCOPES].filter((scope) => !scopes.has(scope));
  if (missing.length === 0) return;
  throw new ProblemError('forbidden', `this key lacks scopes of the role itself: "${missing.join('", "')}"`);
}

/**
 * The user's role would outlast the key, and be used from anywhere. Taking the role away reaches no further than the key.
 *
 * @throws {ProblemError} `forbidden`
 */
function requireUnlimited({ networks, expires }: Operator): void {
  if (networks === undefined && !expires) return;
  throw new ProblemError('forbidden', 'this key is for some networks or for a time: the role would reach further');
}
