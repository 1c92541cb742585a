import { expect, it } from 'vitest';
import { spendingOf } from './spending.js';

const ID = '01970000-0000-7000-8000-000000000000';
const TIME = '2026-01-02T03:04:05.678Z';

function eventOf(type: string, [fromAddress, toAddress]: readonly [string, string]) {
  const ids = { transferId: ID, holdId: ID, originalId: ID, groupId: null, from: ID, to: ID };
  const said = {
    description: null,
    metadata: null,
    reference: null,
    recordedAt: TIME,
    effectiveAt: TIME,
    expiresAt: null,
    released: '0',
  };
  return { type, value: JSON.stringify({ ...ids, ...said, fromAddress, toAddress, amount: '7', currency: 'USD' }) };
}

it.each([
  ['transfer.posted.v1', ['users:42:usd', 'users:7:usd'], ['42', '7', 1]],
  ['transfer.posted.v1', ['users:42:usd', 'world:usd'], ['42', '7', 1]],
  ['transfer.posted.v1', ['users:42:usd', 'users:42:savings'], undefined],
  ['transfer.posted.v1', ['world:usd', 'users:42:usd'], undefined],
  ['transfer.posted.v1', ['fees:card', 'world:usd'], undefined],
  ['hold.placed.v1', ['users:42:usd', 'users:7:usd'], undefined],
  ['hold.captured.v1', ['users:42:usd', 'users:7:usd'], ['42', '7', 1]],
  ['transfer.reversed.v1', ['users:7:usd', 'users:42:usd'], ['42', '-7', 0]],
  ['transfer.reversed.v1', ['users:42:usd', 'world:usd'], undefined],
] as const)('%s from %j is %j', (type, sides, expected) => {
  const spending = spendingOf(eventOf(type, sides));
  expect(spending && [spending.userId, String(spending.spent), spending.payments]).toEqual(expected);
});
