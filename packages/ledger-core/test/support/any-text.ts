import fc from 'fast-check';

const character = fc
  .oneof(fc.nat({ max: 0x7f }), fc.integer({ min: 0xd7ff, max: 0xe000 }), fc.nat({ max: 0x10ffff }))
  .map((codePoint) => String.fromCodePoint(codePoint));

/**
 * Texts of any characters, with half surrogate pairs among them. The library's own `unit: 'binary'` needs three seconds of
 * processor time before its first text.
 */
export function anyText(lengthMax: number): fc.Arbitrary<string> {
  return fc.string({ unit: character, maxLength: lengthMax });
}
