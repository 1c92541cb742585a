/**
 * Verifies the webhooks of the server.
 *
 * @module @micropay/client-sdk/webhooks
 */

/** An event as a webhook carries it. Its data are as the event reference lists them; amounts are texts of whole minor units. */
export interface WebhookEvent {
  /** The same in every delivery: handle each id once. */
  readonly id: string;
  /** Such as `transfer.posted.v1`. Leave types that you do not know aside. */
  readonly type: string;
  /** RFC 3339: when it happened. */
  readonly timestamp: string;
  /** The id of the transfer, hold or account that it is about. */
  readonly subject: string;
  readonly ledger: string;
  /** Its place in the log of events. */
  readonly position: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** The headers of a request: `Headers`, or an object such as Node's `request.headers`. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Readonly<Record<string, string | readonly string[] | undefined>>;

export interface VerifyWebhookOptions {
  /** By how much the time of the attempt may differ from this machine's; default 300 seconds. */
  readonly toleranceS?: number;
}

/**
 * Why a webhook is refused: `headers_missing` (it is none), `timestamp_invalid` (too old or too new, as a recorded one would be, or
 * the clock of this machine is wrong), `signature_invalid`, `body_invalid` (not the JSON of an event), `secret_invalid` (yours is not a
 * `whsec_…`), `platform_unsupported` (no WebCrypto).
 */
export type WebhookErrorCode =
  | 'headers_missing'
  | 'timestamp_invalid'
  | 'signature_invalid'
  | 'body_invalid'
  | 'secret_invalid'
  | 'platform_unsupported';

/** The only error that `verifyWebhook` throws. Answer 400, and do nothing else. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
  readonly code: WebhookErrorCode;

  constructor(code: WebhookErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

const TOLERANCE_S = 300;
const MS_PER_S = 1_000;
const PREFIX = 'whsec_';
/** A sender has two signatures while a secret is rotated; more are not looked at. */
const SIGNATURES_MAX = 10;
const SIGNATURE_BYTES = 32;

/**
 * Checks that a webhook comes from whoever has the secret, and is not a recorded one that is sent again; returns its event.
 *
 * @param body the body exactly as it was received, before any parsing
 * @param secret `whsec_…`, or several of which one has to fit, while you change it
 * @throws {WebhookError}
 *
 * @example
 * const event = await verifyWebhook(await request.text(), request.headers, process.env.WEBHOOK_SECRET);
 * if (event.type === 'transfer.posted.v1') await handleOnce(event.id, event.data);
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string | readonly string[],
  { toleranceS = TOLERANCE_S }: VerifyWebhookOptions = {},
): Promise<WebhookEvent> {
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) throw new WebhookError('platform_unsupported', 'this platform has no crypto.subtle');
  const keys = (typeof secret === 'string' ? [secret] : secret).map(keyOf);
  if (keys.length === 0) throw new WebhookError('secret_invalid', 'no secret is given');
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headerOf(headers, name),
  );
  if (!id || !timestamp || !signatures) {
    throw new WebhookError('headers_missing', 'webhook-id, webhook-timestamp and webhook-signature have to be there');
  }
  checkTimestamp(timestamp, toleranceS);
  const signed = concat(new TextEncoder().encode(`${id}.${timestamp}.`), bytesOf(body));
  const candidates = signaturesIn(signatures);
  for (const bytes of keys) {
    const key = await subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify']);
    for (const candidate of candidates) {
      // The platform compares in constant time.
      if (await subtle.verify('HMAC', key, candidate, signed)) return eventOf(body);
    }
  }
  throw new WebhookError('signature_invalid', 'no signature fits: the secret is another one, or the body was changed');
}

function keyOf(secret: unknown): Uint8Array<ArrayBuffer> {
  const bytes =
    typeof secret === 'string' && secret.startsWith(PREFIX) ? fromBase64(secret.slice(PREFIX.length)) : undefined;
  // The message does not quote it.
  if (bytes === undefined || bytes.length === 0)
    throw new WebhookError('secret_invalid', 'a secret begins with whsec_');
  return bytes;
}

function headerOf(headers: WebhookHeaders, name: string): string | undefined {
  if (typeof headers.get === 'function') return headers.get(name) ?? undefined;
  const entry = Object.entries(headers).find(([given]) => given.toLowerCase() === name);
  return typeof entry?.[1] === 'string' ? entry[1] : undefined;
}

function checkTimestamp(timestamp: string, toleranceS: number): void {
  const sentS = /^[0-9]{1,15}$/.test(timestamp) ? Number(timestamp) : Number.NaN;
  if (Math.abs(Date.now() / MS_PER_S - sentS) <= toleranceS) return;
  throw new WebhookError('timestamp_invalid', `webhook-timestamp is not within ${toleranceS} seconds of the time here`);
}

/** Those of version 1; others belong to schemes that this release does not know. */
function signaturesIn(header: string): readonly Uint8Array<ArrayBuffer>[] {
  return header
    .split(' ', SIGNATURES_MAX)
    .filter((one) => one.startsWith('v1,'))
    .map((one) => fromBase64(one.slice('v1,'.length)))
    .filter((bytes) => bytes?.length === SIGNATURE_BYTES) as Uint8Array<ArrayBuffer>[];
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function bytesOf(body: unknown): Uint8Array {
  if (typeof body === 'string') return new TextEncoder().encode(body);
  if (body instanceof Uint8Array) return body;
  throw new WebhookError('body_invalid', 'give the body as it was received, a text or bytes, and not parsed');
}

function concat(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

function eventOf(body: string | Uint8Array): WebhookEvent {
  try {
    const event: unknown = JSON.parse(typeof body === 'string' ? body : new TextDecoder().decode(body));
    if (typeof event === 'object' && event !== null && 'type' in event && 'data' in event) return event as WebhookEvent;
  } catch {
    // Refused below.
  }
  throw new WebhookError('body_invalid', 'the body is not the JSON of an event');
}
