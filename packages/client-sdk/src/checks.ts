import { MicroPayError, type MicroPayErrorCode } from './errors.js';

/** As the server reads it. */
const IDEMPOTENCY_KEY = /^[ -~]{1,255}$/;

/** What a header carries and the server reads as one word. */
const CREDENTIAL = /^[!-~\u00a1-\u00ff]*$/;

/** Refuses an idempotency key that the server would refuse, or that no header can carry. */
export function checkIdempotencyKey(key: string, path = 'idempotencyKey'): void {
  if (typeof key === 'string' && IDEMPOTENCY_KEY.test(key)) return;
  throw fieldError('invalid_request', path, 'must be 1 to 255 printable ASCII characters');
}

/** Refuses an id that no stream has given out, or that no header can carry. */
export function checkLastEventId(id: string): void {
  if (typeof id === 'string' && /^[0-9.]{1,32}$/.test(id)) return;
  throw fieldError('invalid_request', 'lastEventId', 'must be the lastEventId of an event');
}

/** Writes an amount down as text, because a JSON number cannot hold it. */
export function writeAmount(amount: bigint, path: string): string {
  if (typeof amount === 'bigint') return amount.toString();
  throw fieldError('invalid_amount', path, 'must be a bigint of whole minor units, such as 1250n');
}

/** The parts of a body that hold what is the caller's own. */
interface Body {
  readonly metadata?: unknown;
  readonly transfers?: readonly { readonly metadata?: unknown }[];
}

/** Writes a body down. What JSON says about its failure may quote the body, and is not passed on. */
export function writeBody(body: unknown): string {
  const { metadata: own, transfers } = (body ?? {}) as Body;
  try {
    checkMetadata(own, 'metadata');
    transfers?.forEach(({ metadata }, index) => {
      checkMetadata(metadata, `transfers.${index}.metadata`);
    });
    return JSON.stringify(body);
  } catch (error) {
    if (error instanceof MicroPayError) throw error;
    throw new MicroPayError('invalid_request', 'the request cannot be written as JSON: it holds a bigint or a cycle');
  }
}

/** As the server reads it: in bytes, and so at most so many members, whose values can be shared. */
const METADATA_BYTES_MAX = 8 * 1024;
const METADATA_LEVELS_MAX = 64;

/** Refuses by name what JSON would change without a word, as NaN, a Date or a member that is undefined. */
function checkMetadata(metadata: unknown, name: string): void {
  let members = 0;
  const check = (value: unknown, path: string, level: number): void => {
    members += 1;
    if (members > METADATA_BYTES_MAX) throw fieldError('invalid_request', name, 'must be at most 8 KiB');
    if (typeof value === 'string' ? isText(value) : isSaidByJson(value)) return;
    if (!isContainer(value)) {
      throw fieldError('invalid_request', path, 'is not JSON, or a whole number beyond 2^53: write it as a text');
    }
    if (level > METADATA_LEVELS_MAX) throw fieldError('invalid_request', name, 'must have at most 64 levels');
    for (const [member, inner] of Object.entries(value)) {
      const at = `${path}.${member}`;
      if (!isText(member) || member === '__proto__') throw fieldError('invalid_request', at, 'must have another name');
      check(inner, at, level + 1);
    }
  };
  if (metadata !== undefined) check(metadata, name, 1);
}

function isText(text: string): boolean {
  return !/[\0\p{Surrogate}]/u.test(text);
}

function isSaidByJson(value: unknown): boolean {
  if (typeof value !== 'number') return value === null || typeof value === 'boolean';
  return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
}

/** An array without holes or names, or an object of no class, of this realm or another. */
function isContainer(value: unknown): value is object {
  if (typeof value !== 'object' || value === null || Object.getOwnPropertySymbols(value).length > 0) return false;
  if (Array.isArray(value)) return Object.keys(value).length === value.length;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The header for a credential. The platform's own error would quote it. */
export function writeAuthorization(credential: string, idempotencyKey: string | undefined): string {
  const trimmed = typeof credential === 'string' ? credential.trim() : undefined;
  if (trimmed !== undefined && CREDENTIAL.test(trimmed)) return `Bearer ${trimmed}`;
  const detail = 'the API key or access token must be one word without spaces and line breaks: was it read whole?';
  throw new MicroPayError('token_invalid', detail, { idempotencyKey });
}

/** The platform's `Request`, without an error that would quote the URL: there may be a password in it. */
export function createRequestClass(): typeof Request {
  return class extends Request {
    constructor(...[url, init]: ConstructorParameters<typeof Request>) {
      try {
        super(url, init);
      } catch {
        const detail = 'baseUrl must be a URL without a user and a password, such as https://pay.example.com';
        throw new MicroPayError('invalid_request', detail);
      }
    }
  };
}

export function fieldError(code: MicroPayErrorCode, path: string, message: string): MicroPayError {
  return new MicroPayError(code, `${path} ${message}`, { fields: [{ path, message }] });
}
