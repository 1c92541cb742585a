import { expect, it } from 'vitest';
import { createRouteRefusal } from './route-refusal.js';

const refusal = createRouteRefusal([
  { method: 'get', path: '/v1/wallets' },
  { method: 'post', path: '/v1/wallets' },
  { method: 'get', path: '/v1/wallets/{id}' },
  { method: 'get', path: '/.well-known/jwks.json' },
]);

it.each([
  ['DELETE', '/v1/wallets', 'method_not_allowed', 'GET, POST'],
  ['POST', '/v1/wallets/x', 'method_not_allowed', 'GET'],
  ['GET', '/v1/wallets/x/y', 'route_not_found', undefined],
  ['GET', '/v1/wallets/', 'route_not_found', undefined],
  ['POST', '/Xwell-known/jwks.json', 'route_not_found', undefined],
])('%s %s is %s', (method, path, code, allow) => {
  const error = refusal(method, path);
  expect([error.code, error.headers?.allow]).toEqual([code, allow]);
});
