import type { Endpoint } from '../http/endpoint.js';
import { EXAMPLE_USER, UserSchema } from '../users/user-json.js';

export const meEndpoint = {
  operationId: 'getMe',
  method: 'get',
  path: '/v1/me',
  tag: 'Authentication',
  summary: 'The user that is logged in',
  access: 'user',
  answer: { status: 200, description: 'The user', content: { schema: UserSchema, example: EXAMPLE_USER } },
  refusals: [],
} as const satisfies Endpoint;
