import { describe, expect, it } from 'vitest';
import { AMOUNT_BOUND } from '../money/money.js';
import { ACCOUNT_TYPES, checkOpenAccount, isAddress, isDebitNormal, isUuid, type OpenAccount } from './account.js';

const UUID = '0190b7c4-0000-7000-8000-000000000001';

describe('isAddress', () => {
  it.each([
    ['world', true],
    ['users:42:usd', true],
    ['fees:card', true],
    ['A_b.c-d:1', true],
    ['...a', true],
    ['a.', true],
    ['a:.b:c', true],
    ['.', false],
    ['..', false],
    ['...', false],
    ['..:a', false],
    ['a:.', false],
    ['a:..:b', false],
    ['a'.repeat(200), true],
    ['a'.repeat(201), false],
    ['', false],
    [':', false],
    ['users:', false],
    [':users', false],
    ['users::usd', false],
    ['users 42', false],
    ['users/42', false],
    ['users:42\n', false],
    ['users:42\u0000', false],
    ['üsers', false],
    [UUID, false],
    [UUID.toUpperCase(), false],
    [`users:${UUID}`, true],
  ])('isAddress of %j is %s', (text, expected) => {
    expect(isAddress(text)).toBe(expected);
  });
});

describe('isUuid', () => {
  it.each([
    [UUID, true],
    [UUID.toUpperCase(), false],
    [UUID.replaceAll('-', ''), false],
    [`{${UUID}}`, false],
    [`${UUID}\n`, false],
    [UUID.replace('0', 'g'), false],
  ])('isUuid of %j is %s', (text, expected) => {
    expect(isUuid(text)).toBe(expected);
  });
});

describe('isDebitNormal', () => {
  it('isDebitNormal holds for asset and expense accounts alone', () => {
    expect(ACCOUNT_TYPES.filter(isDebitNormal)).toEqual(['asset', 'expense']);
  });
});

describe('checkOpenAccount', () => {
  it.each([
    ['users:42:usd', { type: 'liability', minimum: 0n }],
    ['worldly', { type: 'liability', minimum: 0n }],
    ['users:world', { type: 'liability', minimum: 0n }],
    ['world', { type: 'asset', minimum: null }],
    ['world:usd', { type: 'asset', minimum: null }],
  ])('checkOpenAccount gives %s the defaults of its place', (address, defaults) => {
    expect(checkOpenAccount({ address, currency: 'USD' })).toEqual({
      address,
      currency: 'USD',
      maximum: null,
      metadata: {},
      ...defaults,
    });
  });

  it('checkOpenAccount keeps what the caller says', () => {
    const request = {
      address: 'world:usd',
      currency: 'USD',
      type: 'income',
      minimum: -5n,
      maximum: 7n,
      metadata: { a: 1 },
      id: UUID,
    } as const;
    expect(checkOpenAccount(request)).toEqual(request);
  });

  it('checkOpenAccount lets an account go without a minimum', () => {
    expect(checkOpenAccount({ address: 'a', currency: 'USD', minimum: null }).minimum).toBeNull();
  });

  it.each<[string, Partial<Record<keyof OpenAccount, unknown>>, string]>([
    ['an address of another form', { address: 'a b' }, 'invalid_address'],
    ['an address that is no text', { address: 5 }, 'invalid_address'],
    ['an unknown type', { type: 'wallet' }, 'invalid_request'],
    ['a minimum above zero', { minimum: 1n }, 'invalid_request'],
    ['a maximum below zero', { maximum: -1n }, 'invalid_request'],
    ['a limit that is no bigint', { minimum: 0 }, 'invalid_request'],
    ['a minimum beyond 38 digits', { minimum: -AMOUNT_BOUND }, 'invalid_request'],
    ['a maximum beyond 38 digits', { maximum: AMOUNT_BOUND }, 'invalid_request'],
    ['metadata that is no object', { metadata: 'text' }, 'invalid_request'],
    ['an id that is no UUID', { id: 'a' }, 'invalid_request'],
    ['an id in capitals', { id: UUID.toUpperCase() }, 'invalid_request'],
    ['an id that is no text', { id: 5 }, 'invalid_request'],
    ['a bad type before a bad address', { address: 'a b', type: 'wallet' }, 'invalid_request'],
    ['a bad id before a bad address', { address: 'a b', id: 'a' }, 'invalid_request'],
  ])('checkOpenAccount refuses %s', (_, part, code) => {
    const request = { address: 'a', currency: 'USD', ...part } as OpenAccount;
    expect(() => checkOpenAccount(request)).toThrow(expect.objectContaining({ name: 'LedgerError', code }));
  });

  it('checkOpenAccount refuses a request that is no object', () => {
    expect(() => checkOpenAccount(undefined as unknown as OpenAccount)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  });
});
