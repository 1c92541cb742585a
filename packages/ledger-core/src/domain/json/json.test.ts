import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../test/support/any-text.js';
import { parseJson } from './json.js';

const refused = (path?: string) =>
  expect.objectContaining({ code: 'invalid_request', details: path === undefined ? {} : { field: path } });

/** A value as tokens, so that a text of it can be written in many ways, and what is wrong with it is known. */
type Tree =
  | { readonly kind: 'text'; readonly literal: string; readonly isRefused: boolean }
  | { readonly kind: 'array'; readonly items: readonly Tree[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: Tree])[] };

const leaf = (literal: string, isRefused = false): Tree => ({ kind: 'text', literal, isRefused });
const number = fc
  .tuple(fc.bigInt(-(10n ** 20n), 10n ** 20n), fc.integer({ min: -30, max: 30 }))
  // Rational arithmetic is the reference: a double is a whole number over a power of two, and texts have to come back.
  .map(([mantissa, power]) => leaf(`${mantissa}e${power}`, !comesBack(mantissa, power)));

/** Whether the shortest text of the nearest double says `mantissa × 10^power`, reckoned in whole numbers. */
function comesBack(mantissa: bigint, power: number): boolean {
  const [digits = '', exponent = '0'] = String(Number(`${mantissa}e${power}`)).split('e');
  const [whole = '', fraction = ''] = digits.split('.');
  const keptPower = Number(exponent) - fraction.length;
  const least = Math.min(power, keptPower);
  return mantissa * 10n ** BigInt(power - least) === BigInt(whole + fraction) * 10n ** BigInt(keptPower - least);
}

/** Names that meet often, also where they are written with an escape. */
const name = fc.constantFrom('a', 'b', 'amount', '"', '\\', '\\u0061', 'ä', '🙂', '', 'constructor');

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(leaf('null'), leaf('true'), leaf('0'), leaf('-0'), leaf('1.50'), leaf('"\\ud83d"', true)),
    number,
    anyText(8).map((text) => leaf(JSON.stringify(text), /\p{Surrogate}/u.test(text))),
    fc.constantFrom(',', '{"a":1,"a":1}', '\\', '\\\\"', '[1e400]').map((text) => leaf(JSON.stringify(text))),
    fc.array(tie('tree'), { maxLength: 4 }).map((items): Tree => ({ kind: 'array', items })),
    fc.array(fc.tuple(name, tie('tree')), { maxLength: 4 }).map((members): Tree => ({ kind: 'object', members })),
  ),
}));

function isRefused(value: Tree): boolean {
  if (value.kind === 'text') return value.isRefused;
  if (value.kind === 'array') return value.items.some(isRefused);
  const names = value.members.map(([memberName]) => memberName);
  return new Set(names).size < names.length || value.members.some(([, member]) => isRefused(member));
}

/** Writes a tree; `next` draws the space between tokens, and whether a character of a name is escaped. */
function write(value: Tree, next: () => number): string {
  const space = () => [' ', '\n', '\t', '', '', ''][next() % 6] ?? '';
  const escaped = (character: string) =>
    next() % 4 === 0
      ? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
      : JSON.stringify(character).slice(1, -1);
  const nameOf = (text: string) =>
    /\p{Surrogate}|[^\0-\uffff]/u.test(text) ? JSON.stringify(text) : `"${[...text].map(escaped).join('')}"`;
  const inside = () => {
    if (value.kind === 'text') return value.literal;
    if (value.kind === 'array') return `[${value.items.map((item) => write(item, next)).join(',')}${space()}]`;
    const members = value.members.map(([text, member]) => `${space()}${nameOf(text)}${space()}:${write(member, next)}`);
    return `{${members.join(',')}${space()}}`;
  };
  return space() + inside() + space();
}

const text = fc.tuple(tree, fc.infiniteStream(fc.nat({ max: 99 })), fc.boolean()).map(([value, draws, marked]) => ({
  value,
  json: (marked ? '\uFEFF' : '') + write(value, () => draws.next().value ?? 0),
}));

describe('parseJson', () => {
  it('parseJson reads what JSON.parse reads, and refuses exactly what that would change', () => {
    fc.assert(
      fc.property(text, ({ value, json }) => {
        if (isRefused(value)) {
          expect(() => parseJson(json)).toThrow(refusedSomewhere);
          expect(() => parseJson(Buffer.from(json))).toThrow(refusedSomewhere);
        } else {
          const plain = json.replace(/^\uFEFF/, '');
          expect(JSON.stringify(parseJson(json))).toBe(JSON.stringify(JSON.parse(plain)));
          expect(JSON.stringify(parseJson(Buffer.from(json)))).toBe(JSON.stringify(JSON.parse(plain)));
        }
      }),
      { numRuns: 2_000 },
    );
  });
  const refusedSomewhere = expect.objectContaining({ code: 'invalid_request', details: { field: expect.any(String) } });

  it('parseJson refuses what is no JSON, as JSON.parse does', () => {
    const pieces = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"',
      '1',
      '1e5',
      '-',
      '.',
      'null',
      '\\',
      ' ',
      '\u0001',
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (drawn) => {
        const json = drawn.join('');
        const isJson = outcome(() => JSON.parse(json)) !== undefined;
        const refusal = expect.objectContaining({ code: 'invalid_request', details: {} });
        if (!isJson) expect(() => parseJson(json)).toThrow(refusal);
        // Names may repeat, and a number such as 1e511 is beyond all doubles.
        else if (!/"a"|e5[0-9]{2}/.test(json)) expect(parseJson(json)).toStrictEqual(JSON.parse(json));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['{"amount":"5","amount":"500000"}', 'amount'],
    ['{"amount":"5","amount":"5"}', 'amount'],
    ['{"amount":"5","amoun\\u0074":"500000"}', 'amount'],
    ['{"transfers":[{"to":"a"},{"to":"b","x":{"y":[]},"to":"c"}]}', 'transfers.1.to'],
    ['{"metadata":{"deep":[1,[2,{"a":{},"b":2,"a":3}]]}}', 'metadata.deep.1.1.a'],
    ['{"a":{"b":1},"c":{"b":1},"b":{"a":1},"a":2}', 'a'],
    ['{"\\\\":1,"\\u005c":2}', '\\'],
    ['{"orderId":9007199254740993}', 'orderId'],
    ['{"amount":9007199254740990.6}', 'amount'],
    ['{"huge":1e400}', 'huge'],
    ['{"tiny":[0,1E-400]}', 'tiny.1'],
    ['[0.1234567890123456789]', '0'],
    ['1e400', ''],
    ['{"__proto__":{"a":1}}', '__proto__'],
    ['{"a":{"__prot\\u006f__":1}}', 'a.__proto__'],
    ['{"password":"\\ud800"}', 'password'],
    ['{"\\ude42":1}', '\ude42'],
  ])('parseJson refuses %s', (json, path) => {
    expect(() => parseJson(json)).toThrow(refused(path));
    expect(() => parseJson(Buffer.from(json))).toThrow(refused(path));
  });

  it.each([
    ['{"a":{"b":1},"b":{"a":1}}'],
    ['[{"a":1},{"a":1}]'],
    ['{"a":"\\"a\\":1, \\"a\\":","b":"\\\\","c":1}'],
    ['{"constructor":1,"hasOwnProperty":2,"prototype":3}'],
    ['[0.1,1.0,1e2,-0,100000000000000000000,5e-324,1.7976931348623157e308,9007199254740991,0.10000000000000000000]'],
    ['["\\ud83d\\ude42","\\\\ud83d"]'],
  ])('parseJson reads %s', (json) => {
    expect(parseJson(json)).toStrictEqual(JSON.parse(json));
  });

  it.each([
    ['nothing', ''],
    ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a character that is longer than it may be', Buffer.from([0x22, 0xc1, 0xa1, 0x22])],
    ['half a surrogate pair in bytes', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22])],
    ['UTF-16', Buffer.from('{"a":1}', 'utf16le')],
    ['half a surrogate pair as it is', '{"a":"\ud800"}'],
    ['two byte order marks', '\uFEFF\uFEFF{}'],
  ])('parseJson refuses %s', (_, json) => {
    expect(() => parseJson(json)).toThrow(refused());
  });

  it.each([5, null, undefined, {}, new Date(), new Float64Array(1)])(
    'parseJson says of %j that it is neither a text nor bytes',
    (json) => {
      expect(() => parseJson(json as never)).toThrow(
        expect.objectContaining({
          code: 'invalid_request',
          message: 'json must be a string or its bytes, a Uint8Array',
          details: { field: 'json' },
        }),
      );
    },
  );

  it('parseJson passes over a byte order mark', () => {
    expect(parseJson('\uFEFF{"a":1}')).toEqual({ a: 1 });
    expect(parseJson(Buffer.from('\uFEFF{"a":1}'))).toEqual({ a: 1 });
  });

  it('parseJson reads and refuses at a depth that would overflow a stack', () => {
    const depth = 20_000;
    const nested = (inner: string) => '{"a":['.repeat(depth) + inner + ']}'.repeat(depth);
    expect(() => parseJson(nested('1'))).not.toThrow();
    expect(() => parseJson(nested('1e400'))).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });

  it('parseJson reads a number of a million digits in a time that grows with its length', () => {
    expect(() => parseJson(`1${'0'.repeat(1_000_000)}1`)).toThrow(refused(''));
    expect(parseJson(`0.5${'0'.repeat(1_000_000)}`)).toBe(0.5);
  });
});

function outcome(work: () => unknown): unknown {
  try {
    return work() ?? 'null';
  } catch {
    return undefined;
  }
}
