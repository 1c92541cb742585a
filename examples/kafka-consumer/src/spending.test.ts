import type { EventData } from '@micropay/ledger-core';
import { expect, it } from 'vitest';
import { spenderOf } from './spending.js';

it.each([
  ['users:42:usd', 'users:7:usd', '42'],
  ['users:42:usd', 'world:usd', '42'],
  ['users:42:usd', 'users:42:savings', undefined],
  ['world:usd', 'users:42:usd', undefined],
  ['fees:card', 'world:usd', undefined],
])('from %s to %s the spender is %s', (fromAddress, toAddress, spender) => {
  expect(spenderOf({ fromAddress, toAddress } as EventData<'transfer.posted.v1'>)).toBe(spender);
});
