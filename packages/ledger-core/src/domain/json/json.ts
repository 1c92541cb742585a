import { LedgerError } from '../../errors.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/**
 * Reads JSON exactly, or refuses it. `JSON.parse` silently changes some texts: it keeps only the last of two members with
 * the same name, and rounds a number that a double cannot hold. `parseJson` refuses both, and names the member. It also
 * refuses bytes that are not UTF-8, half a surrogate pair, and a member called `__proto__`, which other programs may treat
 * specially. It ignores a leading byte order mark (RFC 8259, section 8.1).
 *
 * ```ts
 * const { metadata } = parseJson(await readBody(request)) as { metadata: Metadata };
 * ```
 *
 * @throws {LedgerError} `invalid_request`; `details.field` names the member at fault, and is missing if the text is not
 *   JSON at all
 */
export function parseJson(json: string | Uint8Array): JsonValue {
  const text = textOf(json);
  const value = parse(text);
  checkTokens(text);
  return value;
}

/** Does not use `instanceof`: in Jest, a Buffer belongs to another realm. A proxy may throw, and is not a view. */
function textOf(json: unknown): string {
  if (typeof json === 'string') return withoutMark(json);
  const isBytes = ArrayBuffer.isView(json) && Object.prototype.toString.call(json) === '[object Uint8Array]';
  if (isBytes) return decode(json as Uint8Array);
  throw new LedgerError('invalid_request', 'json must be a string or its bytes, a Uint8Array', { field: 'json' });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true });
const HALF_CHARACTER = /\p{Surrogate}/u;

function decode(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new LedgerError('invalid_request', 'this is not JSON: its bytes are not UTF-8', {}, { cause });
  }
}

function withoutMark(text: string): string {
  if (HALF_CHARACTER.test(text)) {
    throw new LedgerError('invalid_request', 'this is not JSON: it contains half a surrogate pair');
  }
  return text.replace(/^\uFEFF/, '');
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (cause) {
    throw new LedgerError('invalid_request', 'this is not JSON', {}, { cause });
  }
}

/** An array or object that has not ended yet, and the name or index of the member being read. */
interface Container {
  readonly names: Set<string> | undefined;
  member: string | number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const OPEN_ARRAY = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Goes once through a text that is known to be JSON. A whole parser would do the work of `JSON.parse` again:
 * lossless-json takes 4 times as long for a payment, 170 times for a batch, and overflows the stack on nested arrays.
 */
function checkTokens(text: string): void {
  const containers: Container[] = [];
  let inner: Container | undefined;
  let isName = false;
  for (let at = 0; at < text.length; at += 1) {
    const start = at;
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      at = endOfString(text, start);
      const raw = text.slice(start + 1, at);
      if (isName && inner?.names !== undefined) {
        inner.member = raw.includes('\\') ? unescaped(raw) : raw;
        checkName(inner.member, inner.names, containers);
        isName = false;
      } else if (raw.includes('\\u')) checkCharacters(unescaped(raw), containers);
    } else if (character === COMMA) {
      if (inner?.names !== undefined) isName = true;
      else if (inner !== undefined) inner.member = Number(inner.member) + 1;
    } else if (character === OPEN_OBJECT || character === OPEN_ARRAY) {
      isName = character === OPEN_OBJECT;
      inner = { names: isName ? new Set() : undefined, member: 0 };
      containers.push(inner);
    } else if (character === CLOSE_OBJECT || character === CLOSE_ARRAY) {
      containers.pop();
      inner = containers.at(-1);
      isName = false;
    } else if (character === MINUS || isDigit(character)) {
      at = endOfNumber(text, start);
      checkNumber(text.slice(start, at + 1), containers);
    }
  }
}

/** The index of the closing quote: the first one after an even number of backslashes. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); ; end = text.indexOf('"', end + 1)) {
    let before = end - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((end - before) % 2 === 1) return end;
  }
}

function unescaped(raw: string): string {
  return JSON.parse(`"${raw}"`) as string;
}

/** Index of the last character of a number. */
function endOfNumber(text: string, start: number): number {
  let end = start;
  while (isOfNumber(text.charCodeAt(end + 1))) end += 1;
  return end;
}

function isDigit(character: number): boolean {
  return character >= 0x30 && character <= 0x39;
}

/** A digit, `.`, `+`, `-`, `e` or `E`. */
function isOfNumber(character: number): boolean {
  return (
    isDigit(character) || character === 0x2e || character === MINUS || character === 0x2b || (character | 0x20) === 0x65
  );
}

function checkName(name: string, names: Set<string>, containers: readonly Container[]): void {
  if (name === '__proto__') throw refusal(containers, 'is a name that many programs misread: choose another');
  if (names.has(name)) throw refusal(containers, 'is given twice: remove one');
  checkCharacters(name, containers);
  names.add(name);
}

function checkCharacters(text: string, containers: readonly Container[]): void {
  if (HALF_CHARACTER.test(text)) throw refusal(containers, 'holds half a surrogate pair, which is no character');
}

/** Every decimal with so few digits has its own double, so it is read back as it was written. */
const EXACT_LENGTH_MAX = 15;

function checkNumber(literal: string, containers: readonly Container[]): void {
  if (literal.length <= EXACT_LENGTH_MAX && !/e/i.test(literal)) return;
  const number = Number(literal);
  const kept = String(number);
  if (kept === literal || (Number.isFinite(number) && decimalOf(kept) === decimalOf(literal))) return;
  throw refusal(containers, `is a number that would be read as ${kept}: send it as a text`);
}

/** The same text for every spelling of a number without its sign: digits without outer zeros, and the last one's exponent. */
function decimalOf(literal: string): string {
  const [mantissa = '', exponent = '0'] = literal.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.replace('-', '').split('.');
  const digits = whole + fraction;
  let [start, end] = [0, digits.length];
  while (digits[start] === '0') start += 1;
  while (end > start && digits[end - 1] === '0') end -= 1;
  const power = start === end ? 0 : Number(exponent) - fraction.length + digits.length - end;
  return `${digits.slice(start, end)}e${power}`;
}

const PATH_LENGTH_MAX = 200;

function refusal(containers: readonly Container[], what: string): LedgerError {
  const path = containers
    .map(({ member }) => member)
    .join('.')
    .slice(0, PATH_LENGTH_MAX);
  return new LedgerError('invalid_request', `${path === '' ? 'the value' : path} ${what}`, { field: path });
}
