import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, ReasonField } from '../../http/fields.js';
import { route } from '../../http/route.js';
import { userIdIn, userMissing } from '../../users/user-id-in.js';
import { findUser } from '../../users/users.js';
import type { AuthServices } from '../auth-services.js';
import { removeSecondFactorsOf } from '../second-factor/change-second-factors.js';
import { EXAMPLE_SECOND_FACTORS, SecondFactorsSchema, secondFactorsJson } from '../second-factor/second-factor-json.js';

const RemoveSecondFactorsSchema = z.strictObject({ reason: ReasonField }).openapi('RemoveSecondFactors');

const listUserSecondFactorsEndpoint = {
  operationId: 'listUserSecondFactors',
  method: 'get',
  path: '/v1/users/{id}/second-factors',
  tag: 'Operators',
  summary: 'List the second factors of a user',
  access: 'staff',
  scope: 'users:read',
  params: IdParams,
  answer: {
    status: 200,
    description: 'The second factors of the user',
    content: { schema: SecondFactorsSchema, example: EXAMPLE_SECOND_FACTORS },
  },
  refusals: ['user_not_found'],
} as const satisfies Endpoint;

const removeUserSecondFactorsEndpoint = {
  operationId: 'removeUserSecondFactors',
  method: 'post',
  path: '/v1/users/{id}/second-factors/remove',
  tag: 'Operators',
  summary: 'Remove all second factors of a user who has lost them',
  description:
    'The user logs in with the password alone until they add one, and a notice tells them. Make sure that it is the user who asks. May be repeated.',
  access: 'operator',
  scope: 'users:write',
  recordsAct: true,
  params: IdParams,
  body: { schema: RemoveSecondFactorsSchema, example: { reason: 'Ticket 1042' } },
  answer: { status: 204, description: 'The user has no second factor' },
  refusals: ['user_not_found'],
} as const satisfies Endpoint;

export const listUserSecondFactorsRoute = route(
  listUserSecondFactorsEndpoint,
  ({ database, ledger }: AuthServices) =>
    async ({ params }) => {
      const owner = { ledger: ledger.name, userId: userIdIn(params.id) };
      if ((await findUser(database, ledger.name, owner.userId)) === undefined) throw userMissing();
      return { body: await secondFactorsJson(database, owner) };
    },
);

export const removeUserSecondFactorsRoute = route(
  removeUserSecondFactorsEndpoint,
  (services: AuthServices) =>
    async ({ params, act }) => {
      await removeSecondFactorsOf(services, userIdIn(params.id), act);
      return { body: undefined };
    },
);
