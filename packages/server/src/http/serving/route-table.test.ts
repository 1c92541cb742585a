import { expect, it } from 'vitest';
import { createRouteTable } from './route-table.js';

const PLACES = [
  { method: 'get', path: '/v1/wallets' },
  { method: 'post', path: '/v1/wallets' },
  { method: 'get', path: '/v1/wallets/{id}' },
  { method: 'post', path: '/v1/wallets/batch' },
  { method: 'get', path: '/.well-known/jwks.json' },
] as const;
const table = createRouteTable(PLACES);

it.each([
  ['DELETE', '/v1/wallets', 'method_not_allowed', 'GET, HEAD, POST'],
  ['POST', '/v1/wallets/x', 'method_not_allowed', 'GET, HEAD'],
  ['GET', '/v1/wallets/batch', 'method_not_allowed', 'POST'],
  ['GET', '/v1/wallets/x/y', 'route_not_found', undefined],
  ['GET', '/v1/wallets/', 'route_not_found', undefined],
  ['POST', '/Xwell-known/jwks.json', 'route_not_found', undefined],
])('%s %s is %s', (method, path, code, allow) => {
  const error = table.refusal(method, path);
  expect([error.code, error.headers?.allow]).toEqual([code, allow]);
});

it('names the fixed paths that would be taken for a parameter', () => {
  expect(table.reserved).toEqual([{ path: '/v1/wallets/batch', methods: ['GET', 'HEAD'] }]);
});

it('adds the methods that every path answers', () => {
  const { headers } = createRouteTable(PLACES, ['OPTIONS']).refusal('PUT', '/v1/wallets/batch');
  expect(headers?.allow).toBe('POST, OPTIONS');
});
