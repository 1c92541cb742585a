import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LedgerError } from '../../errors.js';
import {
  type Check,
  callback,
  elementsOf,
  flag,
  hasMethods,
  invalidArgument,
  list,
  milliseconds,
  nested,
  object,
  objectWith,
  oneOf,
  optional,
  optionalCallback,
  position,
  readable,
  signal,
  TIMER_MS_MAX,
  text,
  valid,
  wholeNumber,
} from './arguments.js';

const refused = (field: string, message?: string) =>
  expect.objectContaining({
    name: 'LedgerError',
    code: 'invalid_request',
    details: { field },
    ...(message === undefined ? {} : { message }),
  });

const thrown = new Error('a getter of the caller');
const unreadable = new Proxy(
  {},
  {
    get() {
      throw thrown;
    },
    getPrototypeOf() {
      throw thrown;
    },
  },
);

describe('a check', () => {
  const nothing = () => undefined;
  it.each<[string, Check<unknown>, unknown]>([
    ['true', flag, true],
    ['false', flag, false],
    ['a function', callback, nothing],
    ['a function that may be left out', optionalCallback, nothing],
    ['undefined for a function that may be left out', optionalCallback, undefined],
    ['undefined for what may be left out', optional(flag), undefined],
    ['false for a flag that may be left out', optional(flag), false],
    ['an AbortSignal', signal, new AbortController().signal],
    ['the first of the texts to choose from', oneOf(['a', 'b']), 'a'],
    ['the last of the texts to choose from', oneOf(['a', 'b']), 'b'],
    ['the smallest whole number', wholeNumber(3, 5), 3],
    ['the largest whole number', wholeNumber(3, 5), 5],
    ['a millisecond', milliseconds, 1],
    ['the longest time of a timer', milliseconds, TIMER_MS_MAX],
    ['the first position', position, 0n],
    ['the last position', position, 2n ** 63n - 1n],
    ['the shortest text', text(2, 4), 'ab'],
    ['the longest text', text(2, 4), 'abcd'],
    ['a longest text of characters beyond U+FFFF', text(2, 4), '🙂🙂🙂🙂'],
    ['the empty text', text(0, 4), ''],
    ['an object with the methods', objectWith<{ go(): void }>('a thing', 'go'), { go: nothing }],
    ['what a function accepts', valid((value) => value === 7, 'must be 7'), 7],
    ['what a careful check accepts', readable(flag), true],
  ])('a check accepts %s', (_case, check, value) => {
    expect(check(value, 'it')).toBe(value);
  });

  it.each<[string, Check<unknown>, unknown, string]>([
    ['a text for a flag', flag, 'true', 'it must be true or false'],
    ['an object for a function', callback, {}, 'it must be a function'],
    ['undefined for a function', callback, undefined, 'it must be a function'],
    ['null for a function that may be left out', optionalCallback, null, 'it must be a function'],
    ['null for a flag that may be left out', optional(flag), null, 'it must be true or false'],
    ['an event target for a signal', signal, new EventTarget(), 'it must be an AbortSignal'],
    ['half of a signal', signal, { throwIfAborted: nothing }, 'it must be an AbortSignal'],
    ['null for a signal', signal, null, 'it must be an AbortSignal'],
    ['another text than those to choose from', oneOf(['a', 'b']), 'c', 'it must be one of a, b'],
    ['a number below', wholeNumber(3, 5), 2, 'it must be a whole number from 3 to 5'],
    ['a number above', wholeNumber(3, 5), 6, 'it must be a whole number from 3 to 5'],
    ['a broken number', wholeNumber(3, 5), 3.5, 'it must be a whole number from 3 to 5'],
    ['a text for a number', wholeNumber(3, 5), '4', 'it must be a whole number from 3 to 5'],
    ['a bigint for a number', wholeNumber(3, 5), 4n, 'it must be a whole number from 3 to 5'],
    ['no time at all', milliseconds, 0, `it must be a whole number from 1 to ${TIMER_MS_MAX}`],
    ['more than a timer takes', milliseconds, TIMER_MS_MAX + 1, `it must be a whole number from 1 to ${TIMER_MS_MAX}`],
    ['a position below zero', position, -1n, 'it must be a bigint from 0 to 2^63 - 1'],
    ['a position beyond 63 bits', position, 2n ** 63n, 'it must be a bigint from 0 to 2^63 - 1'],
    ['a position that is a number', position, 5, 'it must be a bigint from 0 to 2^63 - 1'],
    ['an object without a method', objectWith<{ go(): void }>('a thing', 'go'), { go: 1 }, 'it must be a thing'],
    ['what a function does not accept', valid((value) => value === 7, 'must be 7'), 8, 'it must be 7'],
  ])('a check refuses %s', (_case, check, value, message) => {
    expect(() => check(value, 'it')).toThrow(refused('it', message));
  });

  it.each([
    ['a shorter one', 'a'],
    ['a longer one', 'abcde'],
    ['a longer one of characters beyond U+FFFF', '🙂🙂🙂🙂🙂'],
    ['U+0000', 'a\0b'],
    ['half a surrogate pair', 'a\ud83d'],
    ['a list of characters', ['a', 'b']],
    ['what has the right length', { length: 3 }],
  ])('a check of a text refuses %s', (_case, value) => {
    const rule = 'must be a text of 2 to 4 characters, without U+0000 or a lone surrogate';
    expect(() => text(2, 4)(value, 'it')).toThrow(refused('it', `it ${rule}`));
  });

  it('a check of a text that may be empty names its largest length alone', () => {
    const rule = 'must be a text of at most 4 characters, without U+0000 or a lone surrogate';
    expect(() => text(0, 4)('abcde', 'it')).toThrow(refused('it', `it ${rule}`));
  });
});

describe('invalidArgument', () => {
  it('invalidArgument has a cause where there is one', () => {
    expect(invalidArgument('it', 'must be read', thrown).cause).toBe(thrown);
    expect('cause' in invalidArgument('it', 'must be read')).toBe(false);
  });
});

describe('readable', () => {
  const careful = readable((value: unknown) => (value as { readonly field: unknown }).field);

  it('readable refuses a value that throws, with what it has thrown as the cause', () => {
    expect(() => careful(unreadable, 'it')).toThrow(
      expect.objectContaining({ ...refused('it', 'it cannot be read').sample, cause: thrown }),
    );
  });

  it('readable leaves a refusal as it is', () => {
    const refusal = new LedgerError('invalid_amount', 'it must be positive');
    const refusing = readable(() => {
      throw refusal;
    });
    expect(() => refusing(1, 'it')).toThrow(refusal);
  });
});

describe('hasMethods', () => {
  it.each<[unknown, boolean]>([
    [{ one: () => 1, two: () => 2 }, true],
    [{ one: () => 1 }, false],
    [{ one: () => 1, two: 2 }, false],
    [null, false],
    [undefined, false],
    ['text', false],
  ])('hasMethods of case %# is %s', (value, expected) => {
    expect(hasMethods(value, 'one', 'two')).toBe(expected);
  });

  it('hasMethods is false for a value that throws when it is looked at', () => {
    expect(hasMethods(unreadable, 'one')).toBe(false);
  });
});

describe('a list', () => {
  it('a list is copied, with each element as its check returns it', () => {
    const given = [1, 2, 3];
    const doubled = list((value) => Number(value) * 2)(given, 'them');
    given.push(4);
    expect(doubled).toEqual([2, 4, 6]);
  });

  it('a list names the element at fault by its index', () => {
    expect(() => list(flag)([true, false, 1], 'them')).toThrow(refused('them.2'));
  });

  it('a list has undefined in place of a hole', () => {
    const holes = [1, 2, 3];
    delete holes[1];
    expect(Object.keys(elementsOf(holes, 'them'))).toEqual(['0', '1', '2']);
    expect(elementsOf(holes, 'them')).toEqual([1, undefined, 3]);
  });

  it.each([undefined, null, 'text', { length: 1, 0: 1 }, new Set([1])])('a list refuses %s', (value) => {
    expect(() => elementsOf(value, 'them')).toThrow(refused('them', 'them must be an array'));
  });

  it('a list that throws when it is looked at is refused, with what it has thrown as the cause', () => {
    const proxy = new Proxy([1], {
      get() {
        throw thrown;
      },
    });
    expect(() => elementsOf(proxy, 'them')).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: 'them cannot be read', cause: thrown }),
    );
  });
});

interface Given {
  readonly name: string;
  readonly count?: number;
}
const read = object<Given>({ name: text(1, 5), count: optional(wholeNumber(0, 9)) });

describe('an object', () => {
  it('an object is copied, and later changes do not reach the copy', () => {
    const given = { name: 'a', count: 1 };
    const copy = read(given, 'options');
    given.count = 2;
    expect(copy).toEqual({ name: 'a', count: 1 });
  });

  it('an object has each member as its check returns it', () => {
    const parse = object<{ at: Date }>({ at: (value) => new Date(String(value)) });
    expect(parse({ at: '2026-01-01' }, 'options')).toEqual({ at: new Date('2026-01-01') });
  });

  it.each<[string, object]>([
    [
      'an instance of a class',
      new (class {
        readonly name = 'a';
      })(),
    ],
    ['one that inherits a member', Object.create({ name: 'a' })],
    [
      'one whose class has a getter',
      new (class {
        get name() {
          return 'a';
        }
      })(),
    ],
    ['one without a prototype', Object.assign(Object.create(null), { name: 'a' })],
    ['one of another realm', runInNewContext(`({ name: 'a' })`) as object],
    ['one with a member that is undefined', { name: 'a', count: undefined }],
    ['one with an unknown member that its prototype has', Object.assign(Object.create({ more: 1 }), { name: 'a' })],
  ])('an object may be %s, and what is undefined is left out', (_case, given) => {
    const copy = read(given, 'options');
    expect(copy).toStrictEqual({ name: 'a' });
    expect(Object.keys(copy)).toEqual(['name']);
  });

  it.each([undefined, null, 'text', 5, [], new Date(), new Map(), Promise.resolve()])(
    'an object is refused where it is %s',
    (given) => {
      expect(() => read(given, 'options')).toThrow(refused('options', 'options must be an object'));
    },
  );

  it.each<[string, object, string]>([
    ['one', { name: 'a', more: 1 }, '"more"'],
    ['one that is undefined', { name: 'a', more: undefined }, '"more"'],
    ['three', { one: 1, two: 2, three: 3 }, '"one", "two", "three"'],
    ['five', { one: 1, two: 2, three: 3, four: 4, five: 5 }, '"one", "two", "three" and 2 more'],
    ['one with a long name', { ['x'.repeat(50)]: 1 }, `"${'x'.repeat(40)}"`],
  ])('an object with unknown members is refused by their names: %s', (_case, given, names) => {
    expect(() => read(given, 'options')).toThrow(refused('options', `options has unknown fields: ${names}`));
  });

  it('an object that throws when it is looked at is refused, with what it has thrown as the cause', () => {
    const given = {
      get name(): string {
        throw thrown;
      },
    };
    expect(() => read(given, 'options')).toThrow(
      expect.objectContaining({ code: 'invalid_request', message: 'options cannot be read', cause: thrown }),
    );
  });

  it('a member of an object is known by its own name, and one of a nested object by its path', () => {
    const outer = object<{ readonly limits: { readonly isOn: boolean } }>({ limits: nested({ isOn: flag }) });
    expect(() => read({ name: '' }, 'options')).toThrow(refused('name'));
    expect(() => outer({ limits: { isOn: 1 } }, 'options')).toThrow(refused('limits.isOn'));
    expect(() => outer({ limits: 5 }, 'options')).toThrow(refused('limits'));
  });

  it('the first member that is at fault refuses an object, in the order of its checks', () => {
    expect(() => read({ count: -1, name: '' }, 'options')).toThrow(refused('name'));
  });

  it('an object reads each of its members once', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.integer({ min: 0, max: 9 }), (isInherited, count) => {
        let reads = 0;
        const getter = {
          get count() {
            reads += 1;
            return count;
          },
        };
        const own = { name: 'a' };
        const given = isInherited
          ? Object.assign(Object.create(getter), own)
          : Object.defineProperties(own, Object.getOwnPropertyDescriptors(getter));
        expect(read(given, 'options')).toEqual({ name: 'a', count });
        expect(reads).toBe(1);
      }),
    );
  });
});
