import type { LedgerEvent } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { accountsOf, orderOf } from './event-accounts.js';
import { createMatchEndpoints, type EndpointFilter } from './match-endpoints.js';

const ALL: EndpointFilter = { id: 'all', eventTypes: null, accountPath: null, metadata: null, ordered: 'none' };

function event(type: string, data: object): LedgerEvent {
  return {
    id: 'e',
    type,
    subject: 's',
    ledger: 'main',
    time: new Date(0),
    position: 1n,
    data,
  } as unknown as LedgerEvent;
}

const payment = event('transfer.posted.v1', {
  from: 'id-1',
  fromAddress: 'users:42:usd',
  to: 'id-2',
  toAddress: 'shops:7:usd',
  metadata: { shop: 'berlin', lines: 2, gift: false, nested: { a: 1 } },
});
const balance = event('balance.changed.v1', { accountId: 'id-1', address: 'users:42:usd' });
const own = event('order.placed.v1', { orderId: '7' });

describe('which endpoints an event goes to', () => {
  it.each<[string, Partial<EndpointFilter>, LedgerEvent, boolean]>([
    ['no filter, any event', {}, own, true],
    ['its type', { eventTypes: ['balance.changed.v1', 'transfer.posted.v1'] }, payment, true],
    ['another type', { eventTypes: ['balance.changed.v1'] }, payment, false],
    ['the path of the payer', { accountPath: 'users:42' }, payment, true],
    ['the path of the payee', { accountPath: 'shops' }, payment, true],
    ['a whole address', { accountPath: 'users:42:usd' }, balance, true],
    ['part of a segment', { accountPath: 'users:4' }, balance, false],
    ['a path below the account', { accountPath: 'users:42:usd:x' }, balance, false],
    ['a path, for an event about no account', { accountPath: 'users' }, own, false],
    ['metadata that it has', { metadata: { shop: 'berlin', lines: 2, gift: false } }, payment, true],
    ['metadata with another value', { metadata: { shop: 'paris' } }, payment, false],
    ['metadata of another type', { metadata: { lines: '2' } }, payment, false],
    ['metadata that it lacks', { metadata: { toString: 'x' } }, payment, false],
    ['metadata, for an event without any', { metadata: { shop: 'berlin' } }, balance, false],
    ['a path but another type', { accountPath: 'users', eventTypes: ['hold.placed.v1'] }, payment, false],
  ])('%s', (_name, filter, given, expected) => {
    expect(createMatchEndpoints([{ ...ALL, ...filter }])(given)).toHaveLength(expected ? 1 : 0);
  });

  it('an endpoint whose path has both accounts of an event gets it once', () => {
    const inner = event('transfer.posted.v1', { fromAddress: 'users:1:usd', toAddress: 'users:1:eur' });
    expect(createMatchEndpoints([{ ...ALL, accountPath: 'users:1' }])(inner)).toHaveLength(1);
  });
});

describe('the accounts in whose order an event is delivered', () => {
  it('are both of a transfer, and only those below the path of the endpoint', () => {
    const accounts = accountsOf(payment);
    expect(orderOf(accounts, null)).toEqual(['users:42:usd', 'shops:7:usd']);
    expect(orderOf(accounts, 'users')).toEqual(['users:42:usd']);
  });

  it('leave out the outside world, unless the event is about nothing else', () => {
    expect(orderOf(['world:usd', 'users:42:usd'], null)).toEqual(['users:42:usd']);
    expect(orderOf(['world:usd'], null)).toEqual(['world:usd']);
    expect(orderOf(['worldwide:usd', 'users:42:usd'], null)).toHaveLength(2);
  });

  it('are none for an event about no account', () => {
    expect(orderOf(accountsOf(own), null)).toEqual([]);
  });
});
