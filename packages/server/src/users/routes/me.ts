import type { Database } from '../../database/connect.js';
import { userGone } from '../../errors/token-refused.js';
import type { Endpoint } from '../../http/endpoint.js';
import { type LedgerServices, route } from '../../http/route.js';
import { EXAMPLE_USER, UserSchema, userJson } from '../user-json.js';
import { findUser } from '../users.js';

interface UserServices extends LedgerServices {
  readonly database: Database;
}

const meEndpoint = {
  operationId: 'getMe',
  method: 'get',
  path: '/v1/me',
  tag: 'Authentication',
  summary: 'Get the current user',
  access: 'user',
  answer: { status: 200, description: 'The user', content: { schema: UserSchema, example: EXAMPLE_USER } },
  refusals: [],
} as const satisfies Endpoint;

export const meRoute = route(meEndpoint, ({ database, ledger }: UserServices) => async ({ principal }) => {
  const user = await findUser(database, ledger.name, principal.id);
  if (user === undefined) throw userGone();
  return { body: userJson(user) };
});
