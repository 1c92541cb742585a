import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../json/json.js';
import { canonicalJson, keyDigest, requestDigest } from './idempotency.js';
import type { TransferLeg } from './transfer.js';

const leg: TransferLeg = { from: 'world:usd', to: 'users:42', amount: 1250n, currency: 'USD' };
const ID = '0190b7c4-0000-7000-8000-000000000001';

/** The same value with the keys of every object the other way round. */
function reversed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, reversed(member)]),
  );
}

describe('canonicalJson', () => {
  it('canonicalJson does not depend on the order of keys', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => canonicalJson(value as JsonValue) === canonicalJson(reversed(value as JsonValue)),
      ),
    );
  });

  it('canonicalJson is JSON that says the same', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value as JsonValue))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('canonicalJson depends on the order of arrays', () => {
    expect(canonicalJson([1, 2])).not.toBe(canonicalJson([2, 1]));
  });
});

describe('keyDigest', () => {
  it('keyDigest is null without a key, whatever the scope', () => {
    expect(keyDigest({ scope: 'alice' })).toBeNull();
  });

  it('keyDigest is 32 hexadecimal digits', () => {
    expect(keyDigest({ idempotencyKey: 'a' })).toMatch(/^[0-9a-f]{32}$/);
  });

  it('keyDigest takes a missing scope as the empty one', () => {
    expect(keyDigest({ idempotencyKey: 'a' })).toBe(keyDigest({ idempotencyKey: 'a', scope: '' }));
  });

  it.each([
    [
      { scope: 'a', idempotencyKey: 'bc' },
      { scope: 'ab', idempotencyKey: 'c' },
    ],
    [
      { scope: '', idempotencyKey: '1:ab' },
      { scope: 'a', idempotencyKey: 'b' },
    ],
    [
      { scope: '1', idempotencyKey: ':a' },
      { scope: '', idempotencyKey: '1:a' },
    ],
    [
      { scope: 'a:', idempotencyKey: 'b' },
      { scope: 'a', idempotencyKey: ':b' },
    ],
  ])('keyDigest keeps %j and %j apart', (one, other) => {
    expect(keyDigest(one)).not.toBe(keyDigest(other));
  });

  it('keyDigest keeps any two pairs of scope and key apart', () => {
    const text = fc.string({ unit: fc.constantFrom('a', ':', '1', '2', '0'), minLength: 1, maxLength: 6 });
    const pair = fc.record({ scope: text, idempotencyKey: text });
    fc.assert(
      fc.property(pair, pair, (one, other) => {
        const isSame = one.scope === other.scope && one.idempotencyKey === other.idempotencyKey;
        expect(keyDigest(one) === keyDigest(other)).toBe(isSame);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('requestDigest', () => {
  it('requestDigest does not depend on the order in which a request is written', () => {
    const { from, to, amount, currency } = leg;
    const metadata = { b: 1, a: { d: 2, c: 3 } };
    const other = { a: { c: 3, d: 2 }, b: 1 };
    expect(requestDigest([{ currency, amount, to, from, metadata: other }], false)).toBe(
      requestDigest([{ from, to, amount, currency, metadata }], false),
    );
  });

  it('requestDigest reads an account as the caller wrote it, before any look-up', () => {
    expect(requestDigest([{ ...leg, to: ID }], false)).not.toBe(requestDigest([leg], false));
  });

  it.each<[string, Partial<TransferLeg>]>([
    ['from', { from: 'world:eur' }],
    ['to', { to: 'users:43' }],
    ['amount', { amount: 1251n }],
    ['currency', { currency: 'EUR' }],
    ['id', { id: ID }],
    ['description', { description: 'Coffee' }],
    ['empty description', { description: '' }],
    ['metadata', { metadata: { a: 1 } }],
    ['empty metadata', { metadata: {} }],
    ['effectiveAt', { effectiveAt: new Date(0) }],
    ['reference', { reference: 'order-4711' }],
  ])('requestDigest changes with %s', (_, change) => {
    expect(requestDigest([{ ...leg, ...change }], false)).not.toBe(requestDigest([leg], false));
  });

  it('requestDigest keeps a description that looks like metadata apart from metadata', () => {
    expect(requestDigest([{ ...leg, description: 'a" metadata {}' }], false)).not.toBe(
      requestDigest([{ ...leg, description: 'a', metadata: {} }], false),
    );
  });

  it('requestDigest tells a linked group of one from a transfer of its own', () => {
    expect(requestDigest([leg], true)).not.toBe(requestDigest([leg], false));
  });

  it('requestDigest depends on the order of legs', () => {
    const other = { ...leg, amount: 1n };
    expect(requestDigest([leg, other], true)).not.toBe(requestDigest([other, leg], true));
  });
});
