import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
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

function isAccepted(metadata: Metadata): boolean {
  try {
    return checkMetadata(metadata).text === metadata.text;
  } catch {
    return false;
  }
}

describe('checkMetadata', () => {
  it.each([
    [{}],
    [{ a: 1, b: [true, null, { c: 'd' }] }],
    [{ emoji: '🙂', escaped: 'a\\u0000b', quoted: '"\\' }],
    [metadataOf(METADATA_BYTES_MAX)],
  ])('accepts %j', (metadata) => {
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
  ])('refuses %s', (_, metadata) => {
    expect(() => checkMetadata(metadata as Metadata)).toThrow(invalidRequest);
  });

  it('answers what a later reading of it will be', () => {
    const given = { at: new Date(0), none: undefined, list: [undefined], zero: -0 } as unknown as Metadata;
    expect(checkMetadata(given)).toStrictEqual({ at: '1970-01-01T00:00:00.000Z', list: [null], zero: 0 });
  });

  it('does not follow changes that the caller makes later', () => {
    const given = { inner: { a: 1 } };
    const checked = checkMetadata(given);
    given.inner.a = 2;
    expect(checked).toEqual({ inner: { a: 1 } });
  });

  it('accepts a text exactly when PostgreSQL can store it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        const isStorable = !text.includes('\u0000') && text === Buffer.from(text).toString();
        return isStorable === isAccepted({ text });
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('checkDescription', () => {
  it.each([[undefined], [''], ['Coffee, "large"\n'], ['x'.repeat(DESCRIPTION_LENGTH_MAX)]])('accepts %j', (text) => {
    expect(() => checkDescription(text)).not.toThrow();
  });

  it.each([['x'.repeat(DESCRIPTION_LENGTH_MAX + 1)], ['a\u0000'], ['\ud800'], [5 as unknown as string]])(
    'refuses %j',
    (text) => {
      expect(() => checkDescription(text)).toThrow(invalidRequest);
    },
  );
});
