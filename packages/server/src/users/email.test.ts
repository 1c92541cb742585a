import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalEmail, shownEmail } from './email.js';

describe('one user have', () => {
  it.each([
    ['cases', 'Alice@Example.COM', 'alice@example.com'],
    ['cases beyond ASCII', 'JÖRG@MÜNCHEN.DE', 'jörg@xn--mnchen-3ya.de'],
    ['NFD and NFC', 'jo\u0308rg@mu\u0308nchen.de', 'j\u00f6rg@xn--mnchen-3ya.de'],
    ['a domain and its punycode', 'jörg@münchen.de', 'jörg@xn--mnchen-3ya.de'],
    ['full-width letters', 'ａｌｉｃｅ@ｅｘａｍｐｌｅ．ｃｏｍ', 'alice@example.com'],
    ['a ligature and its letters', 'ﬁona@example.com', 'fiona@example.com'],
    ['the sign of Kelvin and the letter', '\u212aelvin@example.com', 'kelvin@example.com'],
    ['conjoining and whole Hangul', '\u1112\u1161\u11ab@example.com', '한@example.com'],
  ])('%s', (_name, one, canonical) => {
    expect(canonicalEmail(one)).toBe(canonical);
    expect(canonicalEmail(canonical)).toBe(canonical);
  });
});

it('a user’s email is shown with its domain in Unicode', () => {
  expect(shownEmail('jörg@xn--mnchen-3ya.de')).toBe('jörg@münchen.de');
  expect(shownEmail('alice@example.com')).toBe('alice@example.com');
});

describe('two users have', () => {
  it.each([
    ['a Latin and a Cyrillic a', 'alice@example.com', '\u0430lice@example.com'],
    ['a Latin and a Greek o', 'bob@example.com', 'b\u03bfb@example.com'],
    ['a Latin and a Cyrillic domain', 'a@apple.com', 'a@\u0430pple.com'],
    ['a letter and the same with an accent', 'jorg@example.com', 'jörg@example.com'],
    ['sharp s and ss', 'a@straße.de', 'a@strasse.de'],
    ['an i with and without a dot', 'ali@example.com', 'alı@example.com'],
    ['a tag', 'alice@example.com', 'alice+tag@example.com'],
  ])('%s', (_name, one, other) => {
    expect(canonicalEmail(one)).toBeDefined();
    expect(canonicalEmail(other)).toBeDefined();
    expect(canonicalEmail(one)).not.toBe(canonicalEmail(other));
  });
});

it.each(["o'brien@example.com", "!#$%&'*+/=?^_`{|}~-@example.com", '0@A.ac', 'a.b@a--b.museum', 'अजय@डाटा.भारत'])(
  'canonicalEmail accepts %s',
  (text) => {
    expect(canonicalEmail(text)).toBeDefined();
  },
);

it.each([
  '',
  'alice',
  '@example.com',
  'alice@',
  'alice@localhost',
  'alice@127.0.0.1',
  'alice@[::1]',
  'alice@exa%6dple.com',
  'alice@example.com/x',
  'alice@example..com',
  'alice@-example.com',
  'alice@xn--0.de',
  '.alice@example.com',
  'al..ice@example.com',
  'al ice@example.com',
  'al\u00a0ice@example.com',
  'al@ice@example.com',
  'al\u0000ice@example.com',
  'al\u200bice@example.com',
  'al\u202eice@example.com',
  'al\u3164ice@example.com',
  'al\ud800ice@example.com',
  'alice＠example.com',
  'al＠ice@example.com',
  '😀@example.com',
  `${'a'.repeat(250)}@example.com`,
  `${'\ufdfa'.repeat(20)}@example.com`,
])('canonicalEmail refuses %j', (text) => {
  expect(canonicalEmail(text)).toBeUndefined();
});

it('a canonical email is its own canonical form', () => {
  // The library's own `unit: 'binary'` says the same, and needs three seconds of processor time before its first text.
  const character = fc.nat({ max: 0x10ffff }).map((codePoint) => String.fromCodePoint(codePoint));
  fc.assert(
    fc.property(fc.string({ unit: character, maxLength: 20 }), (local) => {
      const email = canonicalEmail(`${local}@example.com`);
      if (email === undefined) return;
      expect(canonicalEmail(email)).toBe(email);
      expect(canonicalEmail(email.normalize('NFD'))).toBe(email);
    }),
    { numRuns: 2_000 },
  );
});
