import type { Named, PublicFunction, Shape, Slot } from './public-api.js';

/** One call that no function may accept. */
export interface BadCall {
  /** The argument that is wrong, with its path: `options.limits.lanes`. */
  readonly argument: string;
  /** The fault, such as `null`, `a number` or `an unknown field`. */
  readonly wrong: string;
  readonly given: readonly unknown[];
}

/** Values that a function takes: by function and argument (`migrate options.schema`), or by the name alone. */
export type ValidValues = Readonly<Record<string, unknown>>;

const HUGE_LENGTH = 1_000_000;
const HUGE = 'x'.repeat(HUGE_LENGTH);

/** A value of each kind; which of them are wrong depends on what is asked for. */
const KINDS: readonly (readonly [name: string, kinds: readonly Shape['kind'][], value: unknown])[] = [
  ['a text', ['string'], 'nonsense ?'],
  ['an empty text', [], ''],
  ['a huge text', [], HUGE],
  ['a number', ['number'], 5],
  ['no number', [], Number.NaN],
  ['a huge number', [], 1e300],
  ['a bigint', ['bigint'], 5n],
  ['a huge bigint', [], 10n ** 60n],
  ['true', ['boolean'], true],
  ['an object', ['object', 'foreign', 'json'], {}],
  ['an array', ['array'], []],
  ['an array of null', [], [null]],
  ['a Date', ['date'], new Date(0)],
  ['no Date', [], new Date(Number.NaN)],
  ['a Map', [], new Map([['limit', 5]])],
  ['a promise', [], Promise.resolve({})],
  ['a symbol', [], Symbol('wrong')],
  ['a function', ['function'], () => undefined],
  [
    'an object that throws',
    [],
    new Proxy({}, { get: raise, has: raise, ownKeys: raise, getOwnPropertyDescriptor: raise, getPrototypeOf: raise }),
  ],
];

function raise(): never {
  throw new TypeError('this is thrown by the argument itself');
}

/** Every call of a function in which one argument, or one member of one, is wrong. */
export function badCallsOf({ name, parameters }: PublicFunction, valid: ValidValues): readonly BadCall[] {
  const good = goodArguments(name, parameters, valid);
  return parameters.flatMap((parameter, index) =>
    badValues(parameter, parameter.name, name, valid).map(({ argument, wrong, value }) => ({
      argument,
      wrong,
      given: good.with(index, value),
    })),
  );
}

/** Valid arguments for a call, with required fields only. */
export function goodArguments(name: string, parameters: readonly Named[], valid: ValidValues): unknown[] {
  return parameters.map((parameter) => {
    const isNeeded = !parameter.isOptional || Object.hasOwn(valid, `${name} ${parameter.name}`);
    return isNeeded ? goodValue(parameter, parameter.name, name, valid) : undefined;
  });
}

function goodValue({ shape }: Slot, path: string, name: string, valid: ValidValues): unknown {
  const own = `${name} ${path}`;
  if (Object.hasOwn(valid, own)) return valid[own];
  const last = path.slice(path.lastIndexOf('.') + 1);
  if (Object.hasOwn(valid, last)) return valid[last];
  switch (shape.kind) {
    case 'string':
      return shape.literals?.[0] ?? 'a';
    case 'number':
      return 1;
    case 'bigint':
      return 1n;
    case 'boolean':
      return true;
    case 'date':
      return new Date(0);
    case 'function':
      return () => undefined;
    case 'array':
      return [goodValue(shape.element, `${path}.0`, name, valid)];
    case 'object':
      return goodObject(shape.members, path, name, valid);
    case 'union':
      return goodValue({ shape: shape.shapes[0] as Shape, isOptional: false, isNullable: false }, path, name, valid);
    case 'anything':
      return undefined;
    case 'foreign':
    case 'json':
      throw new Error(`${own} needs an entry among the valid values`);
  }
}

function goodObject(members: readonly Named[], path: string, name: string, valid: ValidValues): object {
  const required = members.filter(({ isOptional }) => !isOptional);
  return Object.fromEntries(
    required.map((member) => [member.name, goodValue(member, `${path}.${member.name}`, name, valid)]),
  );
}

interface BadValue {
  readonly argument: string;
  readonly wrong: string;
  readonly value: unknown;
}

function badValues(slot: Slot, path: string, name: string, valid: ValidValues): readonly BadValue[] {
  const { shape, isOptional, isNullable } = slot;
  if (shape.kind === 'anything') return [];
  const bad = (wrong: string, value: unknown): BadValue => ({ argument: path, wrong, value });
  const missing = isOptional ? [] : [bad('nothing', undefined)];
  const nothing = isNullable ? missing : [...missing, bad('null', null)];
  const kinds = kindsOf(shape);
  const others = KINDS.filter(([, own]) => !own.some((kind) => kinds.has(kind)) || isNarrow(shape, own));
  return [
    ...nothing,
    ...others.map(([wrong, , value]) => bad(wrong, value)),
    ...shapesOf(shape).flatMap((one) => withinOf(one, path, name, valid)),
  ];
}

/** Faults inside a value of the right kind. */
function withinOf(shape: Shape, path: string, name: string, valid: ValidValues): readonly BadValue[] {
  if (shape.kind === 'array') {
    return badValues(shape.element, `${path}.0`, name, valid).map(({ argument, wrong, value }) => ({
      argument,
      wrong,
      value: [value],
    }));
  }
  if (shape.kind !== 'object') return [];
  const good = goodObject(shape.members, path, name, valid);
  const names = new Set(shape.members.map((member) => member.name));
  const unknown = ['surprise', ...shape.members.flatMap((member) => misspellings(member.name))]
    .filter((field) => !names.has(field))
    .map((field) => ({ argument: `${path}.${field}`, wrong: 'an unknown field', value: { ...good, [field]: 'x' } }));
  const members = shape.members.flatMap((member) =>
    badValues(member, `${path}.${member.name}`, name, valid).map(({ argument, wrong, value }) => ({
      argument,
      wrong,
      value: { ...good, [member.name]: value },
    })),
  );
  const throwing = shape.members.map((member) => ({
    argument: `${path}.${member.name}`,
    wrong: 'a getter that throws',
    value: Object.defineProperty({ ...good }, member.name, { enumerable: true, get: raise }),
  }));
  return [...unknown, ...members, ...throwing];
}

/** A text of a closed list is not any text, and the texts here are in none. */
function isNarrow(shape: Shape, kinds: readonly Shape['kind'][]): boolean {
  return kinds.includes('string') && shape.kind === 'string' && shape.literals !== undefined;
}

function kindsOf(shape: Shape): ReadonlySet<Shape['kind']> {
  return new Set(shapesOf(shape).map(({ kind }) => kind));
}

function shapesOf(shape: Shape): readonly Shape[] {
  return shape.kind === 'union' ? shape.shapes.flatMap(shapesOf) : [shape];
}

/** As people write it who come from another language, or type in haste. */
function misspellings(name: string): readonly string[] {
  return [name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), name.toLowerCase(), `${name}s`];
}
