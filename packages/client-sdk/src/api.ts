import type { Client } from 'openapi-fetch';
import { MicroPayError } from './errors.js';
import type { paths } from './generated/api.js';
import type { SendOptions } from './transport.js';

/** What the parts of the client share: the typed routes, and the `fetch` of one call with its session. */
export interface Api {
  readonly routes: Client<paths, `${string}/${string}`>;
  /** Sent with the client's credential. */
  send(options: Omit<SendOptions, 'session'>): (request: Request) => Promise<Response>;
  /** Sent without one. */
  sendAnonymously(options: Omit<SendOptions, 'session'>): (request: Request) => Promise<Response>;
}

/** The parsed body of a successful answer. */
export async function bodyOf<Data>(answer: Promise<{ data?: Data; response: Response }>): Promise<Data> {
  return (await answerOf(answer)).data;
}

/** The same with its headers. */
export async function answerOf<Data>(
  answer: Promise<{ data?: Data; response: Response }>,
): Promise<{ readonly data: Data; readonly headers: Headers }> {
  try {
    const { data, response } = await answer;
    // A refusal was thrown before it came here, so that only the body of a success can be missing: a 204.
    return { data: data as Data, headers: response.headers };
  } catch (cause) {
    if (cause instanceof MicroPayError) throw cause;
    throw new MicroPayError('invalid_response', 'the answer is not JSON: is baseUrl a MicroPay server?', { cause });
  }
}

/** A name for one intention, for calls that were given none. */
export function createIdempotencyKey(): string {
  // Not randomUUID: browsers have it only on pages that came over https.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
