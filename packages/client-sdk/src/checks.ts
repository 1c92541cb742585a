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

/** Writes a body down. What JSON says about its failure may quote the body, and is not passed on. */
export function writeBody(body: unknown): string {
  try {
    return JSON.stringify(body);
  } catch {
    throw new MicroPayError('invalid_request', 'the request cannot be written as JSON: it holds a bigint or a cycle');
  }
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

function fieldError(code: MicroPayErrorCode, path: string, message: string): MicroPayError {
  return new MicroPayError(code, `${path} ${message}`, { fields: [{ path, message }] });
}
