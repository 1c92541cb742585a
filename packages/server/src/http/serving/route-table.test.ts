import { expect, it } from 'vitest';
import { createRouteTable } from './route-table.js';

const place = (method: 'get' | 'post', path: string) => ({ method, path, target: `${method} ${path}` });
const PLACES = [
  place('get', '/v1/wallets'),
  place('post', '/v1/wallets'),
  place('get', '/v1/wallets/{id}'),
  place('get', '/v1/wallets/{id}/entries'),
  place('get', '/v1/wallets/{wallet}/holds/{hold}'),
  place('post', '/v1/wallets/batch'),
  place('get', '/v1/wallets/shared/{id}'),
  place('get', '/.well-known/jwks.json'),
];
const table = createRouteTable(PLACES);

it.each([
  ['DELETE', '/v1/wallets', 'method_not_allowed', 'GET, HEAD, POST'],
  ['POST', '/v1/wallets/x', 'method_not_allowed', 'GET, HEAD'],
  ['GET', '/v1/wallets/batch', 'method_not_allowed', 'POST'],
  ['GET', '/v1/wallets/%62atch', 'method_not_allowed', 'POST'],
  ['GET', '/v1/wallets/x/y', 'route_not_found', undefined],
  ['GET', '/v1/wallets/', 'route_not_found', undefined],
  ['GET', '/v1/wallets//entries', 'route_not_found', undefined],
  ['GET', '/v1%2Fwallets', 'route_not_found', undefined],
  ['POST', '/Xwell-known/jwks.json', 'route_not_found', undefined],
  ['GET', '*', 'route_not_found', undefined],
  ['GET', '', 'route_not_found', undefined],
])('%s %s is %s', (method, path, code, allow) => {
  expect(table.find(method, path)).toBeUndefined();
  expect(table.has(path)).toBe(code === 'method_not_allowed');
  const error = table.refusal(method, path);
  expect([error.code, error.headers?.allow]).toEqual([code, allow]);
});

it.each([
  ['GET', '/v1/wallets', 'get /v1/wallets', {}],
  ['HEAD', '/v1/wallets', 'get /v1/wallets', {}],
  ['POST', '/v1/wallets', 'post /v1/wallets', {}],
  ['POST', '/v1/wallets/batch', 'post /v1/wallets/batch', {}],
  ['GET', '/v1/wallets/a', 'get /v1/wallets/{id}', { id: 'a' }],
  ['GET', '/v1/wallets/__proto__', 'get /v1/wallets/{id}', { id: '__proto__' }],
  ['GET', '/v1/wallets/..', 'get /v1/wallets/{id}', { id: '..' }],
  ['GET', '/v1/wallets/a/entries', 'get /v1/wallets/{id}/entries', { id: 'a' }],
  ['GET', '/v1/wallets/shared/a', 'get /v1/wallets/shared/{id}', { id: 'a' }],
  ['GET', '/v1/wallets/shared/entries', 'get /v1/wallets/shared/{id}', { id: 'entries' }],
  ['GET', '/v1/wallets/a/holds/b', 'get /v1/wallets/{wallet}/holds/{hold}', { wallet: 'a', hold: 'b' }],
  ['GET', '/v1/wallets/shared/holds/b', 'get /v1/wallets/{wallet}/holds/{hold}', { wallet: 'shared', hold: 'b' }],
  ['GET', '/v1/%77allets', 'get /v1/wallets', {}],
  ['GET', '/v1/wallets/a%2Fb', 'get /v1/wallets/{id}', { id: 'a/b' }],
  ['GET', '/v1/wallets/%252F', 'get /v1/wallets/{id}', { id: '%2F' }],
  ['GET', '/v1/wallets/caf%C3%A9+', 'get /v1/wallets/{id}', { id: 'café+' }],
  ['GET', '/v1/wallets/%ff', 'get /v1/wallets/{id}', { id: '%ff' }],
])('%s %s goes to %s with its parameters', (method, path, target, params) => {
  expect(table.find(method, path)).toEqual({ target, params });
});

it('adds the methods that every path answers', () => {
  const { headers } = createRouteTable(PLACES, ['OPTIONS']).refusal('PUT', '/v1/wallets/batch');
  expect(headers?.allow).toBe('POST, OPTIONS');
});
