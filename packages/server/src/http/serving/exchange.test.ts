import { expect, it } from 'vitest';
import { readTarget } from './exchange.js';

it.each([
  ['/v1/me', '/v1/me', undefined],
  ['/v1/me?', '/v1/me', ''],
  ['/v1/me?a=b?c', '/v1/me', 'a=b?c'],
  ['//v1/me', '//v1/me', undefined],
  ['http://example.com/v1/me?a=b', '/v1/me', 'a=b'],
  ['HTTPS://example.com:8443', '/', undefined],
  ['http://', 'http://', undefined],
  ['*', '*', undefined],
  ['', '', undefined],
])('the target %j is the path %j with the query %j', (target, path, query) => {
  expect(readTarget(target)).toEqual({ path, query });
});
