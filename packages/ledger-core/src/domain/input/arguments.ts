import { LedgerError } from '../../errors.js';
import { isLongerThan } from './text.js';

/**
 * Reads one argument of a public function, which plain JavaScript may fill with anything. Returns the value to use, or
 * refuses it. `name` is the caller's name for it, such as `limits.lanes`.
 *
 * @throws {LedgerError} `invalid_request` unless it says otherwise
 */
export type Check<Value> = (value: unknown, name: string) => Value;

/** The check of each member of an object. A member without a check does not compile. */
export type Members<Given> = { readonly [Name in keyof Given]-?: Check<Given[Name] | undefined> };

type Mutable<Given> = { -readonly [Name in keyof Given]: Given[Name] };

/** The refusal of an argument: "`name` must be …". */
export function invalidArgument(name: string, rule: string, cause?: unknown): LedgerError {
  return new LedgerError('invalid_request', `${name} ${rule}`, { field: name }, cause === undefined ? {} : { cause });
}

/** Values that `isValid` accepts. */
export function valid<Value>(isValid: (value: unknown) => boolean, rule: string): Check<Value> {
  return (value, name) => {
    if (!isValid(value)) throw invalidArgument(name, rule);
    return value as Value;
  };
}

/** The same check for a value that may throw when it is read, such as a proxy. */
export function readable<Value>(check: Check<Value>): Check<Value> {
  return (value, name) => {
    try {
      return check(value, name);
    } catch (cause) {
      if (cause instanceof LedgerError) throw cause;
      throw invalidArgument(name, 'cannot be read', cause);
    }
  };
}

export function optional<Value>(check: Check<Value>): Check<Value | undefined> {
  return (value, name) => (value === undefined ? undefined : check(value, name));
}

export const flag = valid<boolean>((value) => typeof value === 'boolean', 'must be true or false');
/** Generic, because its parameters are not known at run time. */
export function callback<Given>(value: unknown, name: string): Given {
  return valid<Given>((given) => typeof given === 'function', 'must be a function')(value, name);
}
export const signal = valid<AbortSignal>(
  (value) => hasMethods(value, 'addEventListener', 'throwIfAborted'),
  'must be an AbortSignal',
);

export function optionalCallback<Given>(value: unknown, name: string): Given | undefined {
  return value === undefined ? undefined : callback<Given>(value, name);
}

export function oneOf<Value extends string>(values: readonly Value[]): Check<Value> {
  return valid((value) => values.includes(value as Value), `must be one of ${values.join(', ')}`);
}

export function wholeNumber(minimum: number, maximum: number): Check<number> {
  const isValid = (value: unknown) => Number.isInteger(value) && Number(value) >= minimum && Number(value) <= maximum;
  return valid(isValid, `must be a whole number from ${minimum} to ${maximum}`);
}

/** The longest time that a timer takes. */
export const TIMER_MS_MAX = 2 ** 31 - 1;
export const milliseconds = wholeNumber(1, TIMER_MS_MAX);

const POSITION_BOUND = 2n ** 63n;
/** A place in the log of events. */
export const position = valid<bigint>(
  (value) => typeof value === 'bigint' && value >= 0n && value < POSITION_BOUND,
  'must be a bigint from 0 to 2^63 - 1',
);

/** A text that PostgreSQL can store: U+0000 and half a surrogate pair it cannot. */
export function text(lengthMin: number, lengthMax: number): Check<string> {
  const isValid = (value: unknown) =>
    typeof value === 'string' &&
    value.length >= lengthMin &&
    !isLongerThan(value, lengthMax) &&
    !/[\0\p{Surrogate}]/u.test(value);
  const length = lengthMin === 0 ? `at most ${lengthMax}` : `${lengthMin} to ${lengthMax}`;
  return valid(isValid, `must be a text of ${length} characters, without U+0000 or a lone surrogate`);
}

/** An object of somebody else's, known by the functions that are called on it. */
export function objectWith<Given extends object>(
  what: string,
  ...methods: readonly Extract<keyof Given, string>[]
): Check<Given> {
  return valid((value) => hasMethods(value, ...methods), `must be ${what}`);
}

/** Whether these can be called on a value, whatever it is. */
export function hasMethods(value: unknown, ...methods: readonly string[]): boolean {
  try {
    return methods.every((method) => typeof (value as Record<string, unknown> | null)?.[method] === 'function');
  } catch {
    return false;
  }
}

/** An array; `check` is for each of its elements. */
export function list<Value>(check: Check<Value>): Check<readonly Value[]> {
  return (value, name) => elementsOf(value, name).map((element, index) => check(element, `${name}.${index}`));
}

/** A copy of what must be an array, holes filled with undefined. */
export function elementsOf(value: unknown, name: string): readonly unknown[] {
  try {
    if (Array.isArray(value)) {
      const { length } = value;
      const elements: unknown[] = [];
      for (let index = 0; index < length; index += 1) elements.push(value[index]);
      return elements;
    }
  } catch (cause) {
    throw invalidArgument(name, 'cannot be read', cause);
  }
  throw invalidArgument(name, 'must be an array');
}

/**
 * An object with these members and no other: what is not understood might have been meant to keep money from moving.
 * Answers a copy, so that each member is read once, and what the caller changes afterwards changes nothing; a member that
 * is undefined is left out. Members of an object that is an argument itself are known by their own names, `database`;
 * those of a nested one by their path, `limits.lanes`.
 */
export function object<Given extends object>(members: Members<Given>, isNested = false): Check<Mutable<Given>> {
  const names = Object.keys(members);
  const checks = Object.values<Check<unknown>>(members);
  return (given, name) => {
    const copy = readMembers(given, name, names);
    for (let index = 0; index < names.length; index += 1) {
      const member = names[index] as string;
      const value = copy[member];
      const check = checks[index] as Check<unknown>;
      const checked = check(value, isNested ? `${name}.${member}` : member);
      if (checked !== value) copy[member] = checked;
    }
    return copy as Mutable<Given>;
  };
}

/** The same within another object. */
export function nested<Given extends object>(members: Members<Given>): Check<Mutable<Given>> {
  return object(members, true);
}

function readMembers(given: unknown, name: string, known: readonly string[]): Record<string, unknown> {
  try {
    if (!isPlainObject(given)) throw invalidArgument(name, 'must be an object');
    // In one piece, which is cheapest, and right for nearly all: nothing unknown, undefined or inherited.
    const copy: Record<string, unknown> = { ...given };
    const members = Object.keys(copy);
    let found = 0;
    for (const member of known) if (copy[member] !== undefined) found += 1;
    if (found === members.length && Object.getPrototypeOf(given) === Object.prototype) return copy;
    const unknown = members.filter((member) => !known.includes(member));
    if (unknown.length > 0) throw invalidArgument(name, `has unknown fields: ${shown(unknown)}`);
    for (const member of known) if (!(member in copy)) copy[member] = given[member];
    return Object.fromEntries(Object.entries(copy).filter(([, value]) => value !== undefined));
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    throw invalidArgument(name, 'cannot be read', cause);
  }
}

/** Neither an array nor a Date, Map or promise: they have no member of ours, and would pass for an empty object. */
function isPlainObject(given: unknown): given is Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null) return false;
  return (
    Object.getPrototypeOf(given) === Object.prototype || Object.prototype.toString.call(given) === '[object Object]'
  );
}

const NAMES_SHOWN_MAX = 3;
const NAME_LENGTH_MAX = 40;

function shown(members: readonly string[]): string {
  const first = members.slice(0, NAMES_SHOWN_MAX).map((member) => JSON.stringify(member.slice(0, NAME_LENGTH_MAX)));
  const more = members.length - first.length;
  return first.join(', ') + (more === 0 ? '' : ` and ${more} more`);
}
