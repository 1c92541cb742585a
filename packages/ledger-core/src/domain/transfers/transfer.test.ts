import { describe, expect, it } from 'vitest';
import { checkPostTransfer, type PostTransfer } from './transfer.js';

const UUID = '0190b7c4-0000-7000-8000-000000000001';
const request: PostTransfer = { from: 'world:usd', to: UUID, amount: 1250n, currency: 'USD' };
const refusal = (code: string) => expect.objectContaining({ name: 'LedgerError', code });

describe('checkPostTransfer', () => {
  it.each<[string, Partial<PostTransfer>]>([
    ['the least that can be said', {}],
    ['the largest amount', { amount: 10n ** 38n - 1n }],
    ['an asset of the ledger itself', { currency: 'POINTS' }],
    ['a key of one character', { idempotencyKey: 'k' }],
    ['a key of 255 characters', { idempotencyKey: 'k'.repeat(255), scope: 's'.repeat(255) }],
    ['a key of any script', { idempotencyKey: 'Zahlung № 42 🙂' }],
    ['the empty scope', { idempotencyKey: 'k', scope: '' }],
    ['an id', { id: UUID }],
    ['the first instant', { effectiveAt: new Date('0001-01-01T00:00:00Z') }],
    ['the last instant', { effectiveAt: new Date('9999-12-31T23:59:59.999Z') }],
    ['text', { description: 'Coffee', metadata: { order: 7 } }],
    ['a dry run', { dryRun: true }],
    ['a dry run of the payer alone', { dryRun: 'from' }],
    ['what is no dry run', { dryRun: false }],
  ])('checkPostTransfer accepts %s', (_, part) => {
    expect(checkPostTransfer({ ...request, ...part })).toEqual({ ...request, ...part });
  });

  it.each<[string, Partial<Record<keyof PostTransfer, unknown>>, string]>([
    ['no sender', { from: undefined }, 'invalid_request'],
    ['a malformed sender', { from: 'users:' }, 'invalid_request'],
    ['a malformed recipient', { to: 'a b' }, 'invalid_request'],
    ['an id in capitals as recipient', { to: UUID.toUpperCase() }, 'invalid_request'],
    ['no currency', { currency: undefined }, 'invalid_request'],
    ['a currency that is no text', { currency: 840 }, 'invalid_request'],
    ['an empty key', { idempotencyKey: '' }, 'invalid_request'],
    ['a key of 256 characters', { idempotencyKey: 'k'.repeat(256) }, 'invalid_request'],
    ['a key that is no text', { idempotencyKey: 7 }, 'invalid_request'],
    ['a key with half a surrogate pair', { idempotencyKey: '\ud83d' }, 'invalid_request'],
    ['a scope of 256 characters', { scope: 's'.repeat(256) }, 'invalid_request'],
    ['an id that is no UUID', { id: 'transfer-1' }, 'invalid_request'],
    ['an id that is null', { id: null }, 'invalid_request'],
    ['a time that is no Date', { effectiveAt: '2024-01-01' }, 'invalid_request'],
    ['a time that is none', { effectiveAt: new Date(Number.NaN) }, 'invalid_request'],
    ['a time before the year 1', { effectiveAt: new Date('0000-12-31T23:59:59.999Z') }, 'invalid_request'],
    ['a time after the year 9999', { effectiveAt: new Date('+010000-01-01T00:00:00Z') }, 'invalid_request'],
    ['a description with U+0000', { description: '\u0000' }, 'invalid_request'],
    ['metadata that is no object', { metadata: 'text' }, 'invalid_request'],
    ['a dry run of the payee alone', { dryRun: 'to' }, 'invalid_request'],
    ['a dry run by a number', { dryRun: 1 }, 'invalid_request'],
    ['no amount', { amount: undefined }, 'invalid_amount'],
    ['zero', { amount: 0n }, 'invalid_amount'],
    ['a negative amount', { amount: -1n }, 'invalid_amount'],
    ['an amount of 39 digits', { amount: 10n ** 38n }, 'invalid_amount'],
    ['a number', { amount: 1250 }, 'invalid_amount'],
    ['a text', { amount: '1250' }, 'invalid_amount'],
    ['a currency in small letters', { currency: 'usd' }, 'unknown_currency'],
    ['an empty currency', { currency: '' }, 'unknown_currency'],
    ['a bad key before a bad amount', { amount: 0n, idempotencyKey: '' }, 'invalid_request'],
    ['a bad amount before a bad currency', { amount: 0n, currency: 'usd' }, 'invalid_amount'],
  ])('checkPostTransfer refuses %s', (_, part, code) => {
    expect(() => checkPostTransfer({ ...request, ...part } as PostTransfer)).toThrow(refusal(code));
  });

  it.each([undefined, null, 'text', 5])('checkPostTransfer refuses %s, which is no request', (value) => {
    expect(() => checkPostTransfer(value as unknown as PostTransfer)).toThrow(refusal('invalid_request'));
  });

  it('checkPostTransfer answers a copy that later changes do not reach', () => {
    const given = { ...request, effectiveAt: new Date(0), metadata: { a: 1 } };
    const checked = checkPostTransfer(given);
    given.amount = -1n;
    given.effectiveAt.setTime(1);
    given.metadata.a = 2;
    expect(checked).toEqual({ ...request, effectiveAt: new Date(0), metadata: { a: 1 } });
  });
});
