import { describe, expect, it } from 'vitest';
import type { LedgerErrorCode } from '../../errors.js';
import { checkLeg, continuedTransferOf, type Leg, type LinkedLeg, namesAccounts } from './leg.js';
import type { TransferId } from './transfer.js';

const ID = '0190b7c4-0000-7000-8000-000000000001';
const OTHER = '0190b7c4-0000-7000-8000-000000000002';
const TEXTS = { id: OTHER, description: 'Coffee', metadata: { order: 7 } };
const MOVEMENT = { from: 'users:1', to: 'users:2', amount: 5n, currency: 'USD' };
const EFFECTIVE = { effectiveAt: new Date('2026-01-01T00:00:00Z') };

const transfer = { kind: 'transfer', ...MOVEMENT };
const hold = { kind: 'hold', ...MOVEMENT };
const capture = { kind: 'capture', hold: ID };
const release = { kind: 'release', hold: ID };
const reversal = { kind: 'reversal', transfer: ID };

const refusal = (code: LedgerErrorCode, details: object = {}) =>
  expect.objectContaining({ name: 'LedgerError', code, details: expect.objectContaining(details) });

describe('checkLeg', () => {
  it.each<[string, object]>([
    ['a transfer', transfer],
    ['a leg without a kind', MOVEMENT],
    ['all that a transfer may say', { ...transfer, ...TEXTS, ...EFFECTIVE }],
    ['a hold', hold],
    ['all that a hold may say', { ...hold, ...TEXTS, expiresAt: new Date('2030-01-01T00:00:00Z') }],
    ['a capture', capture],
    ['all that a capture may say', { ...capture, ...TEXTS, ...EFFECTIVE, amount: 5n, final: true }],
    ['a release', release],
    ['all that a release may say', { ...release, ...TEXTS }],
    ['a reversal', reversal],
    ['all that a reversal may say', { ...reversal, ...TEXTS, ...EFFECTIVE, amount: 5n, allowOverdraft: { by: 'me' } }],
    ['an overdraft that nobody explains', { ...reversal, allowOverdraft: {} }],
  ])('checkLeg returns a copy of %s', (_case, leg) => {
    const checked = checkLeg(leg as LinkedLeg, 'legs.0');
    expect(checked).toStrictEqual(leg);
    expect(checked).not.toBe(leg);
  });

  it.each<[string, object, LedgerErrorCode]>([
    ['a transfer of nothing', { ...transfer, amount: 0n }, 'invalid_amount'],
    ['a transfer in a malformed currency', { ...transfer, currency: 'usd' }, 'unknown_currency'],
    ['a leg without a kind in a malformed currency', { ...MOVEMENT, currency: 'usd' }, 'unknown_currency'],
    ['a hold in a malformed currency', { ...hold, currency: 'usd' }, 'unknown_currency'],
    ['a hold of nothing', { ...hold, amount: 0n }, 'invalid_amount'],
    ['a hold with an effective time', { ...hold, ...EFFECTIVE }, 'invalid_request'],
    ['a transfer that expires', { ...transfer, expiresAt: new Date() }, 'invalid_request'],
    ['a hold with the key of a whole request', { ...hold, idempotencyKey: 'k' }, 'invalid_request'],
    ['a transfer with the key of a whole request', { ...transfer, idempotencyKey: 'k' }, 'invalid_request'],
    ['a capture of nothing', { ...capture, amount: 0n }, 'invalid_amount'],
    ['a capture that is final by a text', { ...capture, final: 'yes' }, 'invalid_request'],
    ['a capture that names accounts', { ...capture, ...MOVEMENT }, 'invalid_request'],
    ['a capture of no hold', { kind: 'capture' }, 'invalid_request'],
    ['a capture of a hold that cannot exist', { ...capture, hold: 'none' }, 'hold_not_found'],
    ['a release of a hold that cannot exist', { ...release, hold: 'none' }, 'hold_not_found'],
    ['a release of a part', { ...release, amount: 1n }, 'invalid_request'],
    ['a reversal of a transfer that cannot exist', { ...reversal, transfer: 'none' }, 'transfer_not_found'],
    ['a reversal of nothing', { ...reversal, amount: 0n }, 'invalid_amount'],
    ['a reversal that overdraws by a flag', { ...reversal, allowOverdraft: true }, 'invalid_request'],
  ])('checkLeg refuses %s', (_case, leg, code) => {
    expect(() => checkLeg(leg as LinkedLeg, 'legs.0')).toThrow(refusal(code));
  });

  it.each(['expiry', 'payment', 5, null])('checkLeg refuses the kind %s', (kind) => {
    expect(() => checkLeg({ ...MOVEMENT, kind } as unknown as LinkedLeg, 'legs.0')).toThrow(
      refusal('invalid_request', { field: 'kind' }),
    );
  });

  it.each([undefined, null, 'text'])('checkLeg refuses %s, which is no leg', (leg) => {
    expect(() => checkLeg(leg as unknown as LinkedLeg, 'legs.0')).toThrow(
      refusal('invalid_request', { field: 'legs.0' }),
    );
  });

  it('checkLeg refuses a leg that throws when it is looked at, with what it has thrown as the cause', () => {
    const thrown = new Error('a getter of the caller');
    const leg = {
      get kind() {
        throw thrown;
      },
    };
    expect(() => checkLeg(leg as unknown as LinkedLeg, 'legs.0')).toThrow(
      expect.objectContaining({ code: 'invalid_request', details: { field: 'legs.0' }, cause: thrown }),
    );
  });

  it('checkLeg reads a leg by the kind that it has when it is copied', () => {
    let reads = 0;
    const leg = {
      ...MOVEMENT,
      get kind() {
        reads += 1;
        return reads === 1 ? 'transfer' : 'hold';
      },
    };
    expect(() => checkLeg(leg as LinkedLeg, 'legs.0')).toThrow(refusal('invalid_request', { field: 'kind' }));
  });
});

/** Members that its kind does not have must not decide, so each leg has those of all others. */
const ALL = { ...MOVEMENT, hold: ID, transfer: OTHER };

it.each<[kind: Leg['kind'], namesItsAccounts: boolean, continues: string | undefined]>([
  [undefined, true, undefined],
  ['transfer', true, undefined],
  ['hold', true, undefined],
  ['capture', false, ID],
  ['release', false, ID],
  ['expiry', false, ID],
  ['reversal', false, OTHER],
])('a leg of kind %s names its accounts: %s, and continues %s', (kind, namesItsAccounts, continues) => {
  const leg = { ...ALL, kind } as unknown as Leg;
  expect(namesAccounts(leg)).toBe(namesItsAccounts);
  expect(continuedTransferOf(leg)).toBe(continues as TransferId | undefined);
});
