import { LedgerError } from '../../errors.js';
import type { JsonValue } from './json.js';

export interface JsonLimits {
  /** The name of the value in refusals. */
  readonly name: string;
  /** The size as JSON in UTF-8, without spaces, with numbers written out as PostgreSQL does. */
  readonly bytesMax: number;
  readonly depthMax: number;
}

/**
 * Copies a value that JSON says in full, and refuses every other by name: JSON would write a NaN as null, a Date as a
 * text, leave out a member that is undefined or a Map's entries, and say nothing. A whole number beyond 2^53 is refused
 * because its parser may have rounded it. The work is bounded by `bytesMax`, however large the value is.
 *
 * @throws {LedgerError} `invalid_request`; `details.field` names the member
 */
export function copyJson(value: unknown, { name, bytesMax, depthMax }: JsonLimits): JsonValue {
  const path = [name];
  let bytes = 0;

  function take(more: number): void {
    bytes += more;
    if (bytes > bytesMax) throw refusal([name], `must be at most ${bytesMax} bytes of JSON`);
  }

  function copy(given: unknown): JsonValue {
    switch (typeof given) {
      case 'string':
        takeText(given);
        return given;
      case 'number':
        take(lengthOf(given));
        // JSON writes 0 for −0.
        return given === 0 ? 0 : given;
      case 'boolean':
        take(given ? 4 : 5);
        return given;
      case 'object':
        if (given !== null) return copyMembers(given);
        take(4);
        return null;
      default:
        throw refusal(path, `is ${typeof given}, which JSON cannot say`);
    }
  }

  function takeText(text: string): void {
    // Before its characters are looked at: it may be very long.
    take(text.length);
    if (UNSTORABLE.test(text)) throw refusal(path, 'must not contain U+0000 or a lone surrogate');
    take(Buffer.byteLength(JSON.stringify(text)) - text.length);
  }

  function lengthOf(number: number): number {
    if (!Number.isFinite(number)) throw refusal(path, 'is a number that JSON cannot say');
    if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
      throw refusal(path, 'is a whole number beyond 2^53, which may have been rounded: send it as a text');
    }
    return lengthWrittenOut(number);
  }

  function copyMembers(given: object): JsonValue {
    if (path.length > depthMax) throw refusal([name], `must have at most ${depthMax} levels`);
    if (Object.getOwnPropertySymbols(given).length > 0) throw refusal(path, 'has a symbol as a name');
    if (Array.isArray(given)) return copyArray(given);
    if (!isPlainObject(given)) throw refusal(path, 'is neither a plain object nor an array: write it as a text');
    return copyObject(given);
  }

  function copyArray(given: readonly unknown[]): JsonValue {
    take(2 + Math.max(0, given.length - 1));
    if (Object.keys(given).length !== given.length) throw refusal(path, 'is an array with holes or with names');
    return given.map((item, index) => copyMember(String(index), item));
  }

  function copyObject(given: Readonly<Record<string, unknown>>): JsonValue {
    const names = Object.keys(given);
    // Quotes are the name's own.
    take(2 + Math.max(0, names.length - 1) + names.length);
    const members = names.map((member): [string, JsonValue] => {
      if (member === '__proto__')
        throw refusal([...path, member], 'is a name that many programs misread: choose another');
      takeText(member);
      return [member, copyMember(member, given[member])];
    });
    return Object.fromEntries(members);
  }

  function copyMember(member: string, given: unknown): JsonValue {
    path.push(member);
    const copied = copy(given);
    path.pop();
    return copied;
  }

  try {
    return copy(value);
  } catch (cause) {
    if (cause instanceof LedgerError) throw cause;
    // A getter or a proxy of the caller's.
    throw new LedgerError('invalid_request', `${name} cannot be read`, { field: name }, { cause });
  }
}

/** PostgreSQL stores neither. */
const UNSTORABLE = /[\0\p{Surrogate}]/u;

/** Accepts objects of another realm too, because test runners may have their own. */
function isPlainObject(value: object): value is Readonly<Record<string, unknown>> {
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** PostgreSQL writes a number of jsonb without an exponent: 1e-300 takes 302 characters. */
function lengthWrittenOut(number: number): number {
  const text = String(number);
  const [mantissa = '', exponent] = text.split('e-');
  if (exponent === undefined) return text.length;
  const digits = mantissa.replace(/[-.]/g, '').length;
  return (number < 0 ? 1 : 0) + '0.'.length + digits - 1 + Number(exponent);
}

const PATH_LENGTH_MAX = 200;

function refusal(path: readonly string[], what: string): LedgerError {
  const shown = path.join('.').slice(0, PATH_LENGTH_MAX);
  return new LedgerError('invalid_request', `${shown} ${what}`, { field: shown });
}
