import { expect, it } from 'vitest';
import { ADDRESS_LENGTH_MAX } from './account.js';
import { type AggregateOptions, checkAggregate } from './aggregate.js';

const NONE = { path: undefined, type: undefined };
const LONGEST = `${'a:'.repeat(ADDRESS_LENGTH_MAX / 2 - 1)}ab`;

it.each<[AggregateOptions, object]>([
  [{}, { ...NONE, depth: 1 }],
  [{ depth: 1 }, { ...NONE, depth: 1 }],
  [{ depth: ADDRESS_LENGTH_MAX }, { ...NONE, depth: ADDRESS_LENGTH_MAX }],
  [{ path: 'users' }, { ...NONE, path: 'users', depth: 2 }],
  [{ path: 'users:42:usd' }, { ...NONE, path: 'users:42:usd', depth: 4 }],
  [
    { path: 'users:42', depth: 1 },
    { ...NONE, path: 'users:42', depth: 1 },
  ],
  [{ path: LONGEST }, { ...NONE, path: LONGEST, depth: ADDRESS_LENGTH_MAX / 2 + 1 }],
  [{ type: 'income' }, { ...NONE, type: 'income', depth: 1 }],
])('checkAggregate of %j groups by one segment more than the path has, unless a depth is given', (options, checked) => {
  expect(checkAggregate(options)).toEqual(checked);
});

it.each<[object, string, string]>([
  [{ depth: 0 }, 'invalid_request', 'depth'],
  [{ depth: ADDRESS_LENGTH_MAX + 1 }, 'invalid_request', 'depth'],
  [{ type: 'wallet' }, 'invalid_request', 'type'],
  [{ path: 'users:' }, 'invalid_address', 'path'],
  [{ path: 5 }, 'invalid_address', 'path'],
  [{ currency: 'USD' }, 'invalid_request', 'options'],
  [{ path: 'users:', depth: 0 }, 'invalid_request', 'depth'],
])('checkAggregate refuses %j', (options, code, field) => {
  expect(() => checkAggregate(options)).toThrow(expect.objectContaining({ code, details: { field } }));
});
