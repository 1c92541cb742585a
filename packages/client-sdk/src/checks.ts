import { MicroPayError, type MicroPayErrorCode } from './errors.js';

/** The pattern that the server accepts. */
const IDEMPOTENCY_KEY = /^[ -~]{1,255}$/;

/** Characters that a header can carry and the server reads as one word. */
const CREDENTIAL = /^[!-~\u00a1-\u00ff]*$/;

/** Refuses an idempotency key that the server would refuse, or that no header can carry. */
export function checkIdempotencyKey(key: string, path = 'idempotencyKey'): void {
  if (IDEMPOTENCY_KEY.test(key)) return;
  throw fieldError(path, 'must be 1 to 255 printable ASCII characters');
}

/** Refuses an id that cannot come from a stream, or that a header cannot carry. */
export function checkLastEventId(id: string): void {
  if (/^[0-9.]{1,32}$/.test(id)) return;
  throw fieldError('lastEventId', 'must be the lastEventId of an event');
}

/** The server's limit in bytes, which also bounds the number of members, because their values may be shared. */
const METADATA_BYTES_MAX = 8 * 1024;
const METADATA_LEVELS_MAX = 64;

/** Refuses values that JSON would change silently, such as NaN, a Date or a member that is undefined; names the value. */
export function checkMetadata(metadata: unknown, name: string): void {
  let members = 0;
  const check = (value: unknown, path: string, level: number): void => {
    members += 1;
    if (typeof value === 'string' ? isText(value) : isSaidByJson(value)) return;
    if (members > METADATA_BYTES_MAX || level > METADATA_LEVELS_MAX) {
      throw fieldError(name, 'must be at most 8 KiB and 64 levels');
    }
    if (!isContainer(value)) {
      throw fieldError(path, 'is not JSON or beyond 2^53: send a text');
    }
    for (const [member, inner] of Object.entries(value)) {
      const at = `${path}.${member}`;
      if (!isText(member) || member === '__proto__') throw fieldError(at, 'must have another name');
      check(inner, at, level + 1);
    }
  };
  check(metadata, name, 1);
}

export function isText(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

function isSaidByJson(value: unknown): boolean {
  if (typeof value !== 'number') return value === null || typeof value === 'boolean';
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}

/** An array without holes or named members, or an object without a class, from any realm. */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Object.getOwnPropertySymbols(value).length > 0) return false;
  if (Array.isArray(value)) return Object.keys(value).length === value.length;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The header for a credential. The platform's own error would quote it. */
export function writeAuthorization(credential: string, idempotencyKey: string | undefined): string {
  const trimmed = credential.trim();
  if (CREDENTIAL.test(trimmed)) return `Bearer ${trimmed}`;
  const detail = 'the API key or access token must be one word without spaces or line breaks';
  throw new MicroPayError('token_invalid', detail, { idempotencyKey });
}

/** Refuses a value that is not the URL of a server, without quoting it: it may contain a password. */
export function checkBaseUrl(baseUrl: string): void {
  try {
    // Without http, the text before a colon would be read as the scheme, as in localhost:3000.
    if (!/^(?!https?:)[a-z][^/]*:|[?#]/i.test(baseUrl) && new Request(baseUrl)) return;
  } catch {
    // Refused by the platform.
  }
  throw fieldError('baseUrl', 'must be a URL such as https://pay.example.com, without a password');
}

export function fieldError(path: string, message: string, code: MicroPayErrorCode = 'invalid_request'): MicroPayError {
  return new MicroPayError(code, `${path} ${message}`, { fields: [{ path, message }] });
}
