import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../test/support/any-text.js';
import type { JsonValue } from '../json/json.js';
import {
  checkDescription,
  checkMetadata,
  DESCRIPTION_LENGTH_MAX,
  METADATA_BYTES_MAX,
  type Metadata,
} from './metadata.js';

const invalidRequest = expect.objectContaining({ name: 'LedgerError', code: 'invalid_request' });
/** `{"a":"…"}` is eight bytes and the text. */
const metadataOf = (bytes: number) => ({ a: 'x'.repeat(bytes - 8) });

function cyclic(): Metadata {
  const metadata: Record<string, unknown> = {};
  metadata.self = metadata;
  return metadata as Metadata;
}

function accepted(metadata: Metadata): Metadata | undefined {
  try {
    return checkMetadata(metadata);
  } catch {
    return undefined;
  }
}

function fail(): never {
  throw new Error('a getter of the caller');
}

function withHole(): unknown[] {
  const array = [1, 2, 3];
  delete array[1];
  return array;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

describe('checkMetadata', () => {
  it.each([
    [{}],
    [{ a: 1, b: [true, null, { c: 'd' }] }],
    [{ emoji: '🙂', escaped: 'a\\u0000b', quoted: '"\\' }],
    [metadataOf(METADATA_BYTES_MAX)],
    [{ numbers: [0.1, -1.5e-7, 9007199254740991, -9007199254740991, 5e-324] }],
    [{ constructor: 1, prototype: { toString: 'a' } }],
    [Object.create(null)],
  ])('checkMetadata accepts %j', (metadata) => {
    expect(checkMetadata(metadata)).toEqual(metadata);
  });

  it.each<[string, unknown]>([
    ['a text', 'text'],
    ['null', null],
    ['an array', []],
    ['a Date', new Date(0)],
    ['an object that writes itself as a text', { toJSON: () => 'text' }],
    ['an object that writes itself as nothing', { toJSON: () => undefined }],
    ['a bigint inside', { a: 1n }],
    ['a circle', cyclic()],
    ['one byte more than 8 KiB', metadataOf(METADATA_BYTES_MAX + 1)],
    ['8 KiB in characters that are more in bytes', { a: 'ä'.repeat(METADATA_BYTES_MAX / 2) }],
    ['U+0000', { a: 'b\u0000' }],
    ['U+0000 in a name', { 'b\u0000': 1 }],
    ['U+0000 behind a backslash', { a: '\\\u0000' }],
    ['half a surrogate pair', { a: '\ud83d' }],
    ['the other half', { a: ['\ude42'] }],
  ])('checkMetadata refuses %s', (_, metadata) => {
    expect(() => checkMetadata(metadata as Metadata)).toThrow(invalidRequest);
  });

  const named: readonly (readonly [string, unknown, string])[] = [
    ['NaN', { a: Number.NaN }, 'metadata.a'],
    ['an infinity', { a: [0, Number.NEGATIVE_INFINITY] }, 'metadata.a.1'],
    // JSON.parse reads 9007199254740993 as this number.
    ['a whole number beyond 2^53', { orderId: 9007199254740992 }, 'metadata.orderId'],
    ['a negative one', { a: -9007199254740992 }, 'metadata.a'],
    ['a number of 300 digits', { a: 1e300 }, 'metadata.a'],
    ['a member that is undefined', { a: { b: undefined } }, 'metadata.a.b'],
    ['an undefined item', { a: [undefined] }, 'metadata.a.0'],
    ['an array with a hole', { a: withHole() }, 'metadata.a'],
    ['an array of nothing but holes', { a: new Array(4_000_000_000) }, 'metadata'],
    ['an array with a name', { a: Object.assign([1], { b: 2 }) }, 'metadata.a'],
    ['a Date', { a: new Date(0) }, 'metadata.a'],
    ['a Map', { a: new Map([['b', 1]]) }, 'metadata.a'],
    ['a Set', { a: new Set([1]) }, 'metadata.a'],
    ['bytes', { a: new Uint8Array(2) }, 'metadata.a'],
    ['a number in a box', { a: new Number(5) }, 'metadata.a'],
    ['a text in a box', { a: new String('b') }, 'metadata.a'],
    ['an object of a class', { a: new (class Order {})() }, 'metadata.a'],
    ['an object that writes itself', { a: { b: 1, toJSON: () => 2 } }, 'metadata.a.toJSON'],
    ['a function', { a: () => 1 }, 'metadata.a'],
    ['a symbol', { a: Symbol('b') }, 'metadata.a'],
    ['a symbol as a name', { a: { [Symbol('b')]: 1 } }, 'metadata.a'],
    ['a member called __proto__', JSON.parse('{"a":{"__proto__":{"b":1}}}'), 'metadata.a.__proto__'],
    ['a getter that throws', { a: Object.defineProperty({}, 'b', { get: fail, enumerable: true }) }, 'metadata'],
    ['a proxy that was revoked', { a: revoked() }, 'metadata'],
  ];

  it.each(named)('checkMetadata refuses %s by name', (_, metadata, path) => {
    const refusal = expect.objectContaining({ code: 'invalid_request', details: { field: path } });
    expect(() => checkMetadata(metadata as Metadata)).toThrow(refusal);
  });

  it('checkMetadata takes −0 as the 0 that JSON writes', () => {
    expect(checkMetadata({ zero: -0 })).toStrictEqual({ zero: 0 });
  });

  it('checkMetadata reads a member once, so that what was checked is what is stored', () => {
    let reads = 0;
    const given = {
      get a() {
        reads += 1;
        return reads;
      },
    };
    expect(checkMetadata(given)).toStrictEqual({ a: 1 });
  });

  it('checkMetadata answers the same as any later reading, or refuses', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string(),
          fc.anything({
            withDate: true,
            withMap: true,
            withBoxedValues: true,
            withSparseArray: true,
            withNullPrototype: true,
          }),
        ),
        (given) => {
          const copy = accepted(given as Metadata);
          if (copy === undefined) return;
          expect(JSON.stringify(copy)).toBe(JSON.stringify(given));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('checkMetadata counts numbers as they are read back', () => {
    const tiny = (count: number) => ({ a: Array.from({ length: count }, () => 1e-300) });
    // Each is read back as 302 characters and a comma.
    expect(() => checkMetadata(tiny(27))).not.toThrow();
    expect(() => checkMetadata(tiny(28))).toThrow(invalidRequest);
    expect(() => checkMetadata(tiny(1_160))).toThrow(invalidRequest);
  });

  it('checkMetadata ends early at a value that JSON would write out without end', () => {
    let given: JsonValue = 'x'.repeat(100);
    for (let level = 0; level < 60; level += 1) given = [given, given];
    expect(() => checkMetadata({ given })).toThrow(invalidRequest);
    expect(() => checkMetadata({ given: 'x'.repeat(100_000_000) })).toThrow(invalidRequest);
  });

  it('checkMetadata does not follow changes that the caller makes later', () => {
    const given = { inner: { a: 1 } };
    const checked = checkMetadata(given);
    given.inner.a = 2;
    expect(checked).toEqual({ inner: { a: 1 } });
  });

  it('checkMetadata accepts a text exactly when PostgreSQL can store it', () => {
    fc.assert(
      fc.property(anyText(20), (text) => {
        const isStorable = !text.includes('\u0000') && text === Buffer.from(text).toString();
        return isStorable === (accepted({ text })?.text === text);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('checkDescription', () => {
  it.each([[undefined], [''], ['Coffee, "large"\n'], ['x'.repeat(DESCRIPTION_LENGTH_MAX)]])(
    'checkDescription accepts %j',
    (text) => {
      expect(() => checkDescription(text)).not.toThrow();
    },
  );

  it.each([['x'.repeat(DESCRIPTION_LENGTH_MAX + 1)], ['a\u0000'], ['\ud800'], [5 as unknown as string]])(
    'checkDescription refuses %j',
    (text) => {
      expect(() => checkDescription(text)).toThrow(
        expect.objectContaining({ code: 'invalid_request', details: { field: 'description' } }),
      );
    },
  );
});
