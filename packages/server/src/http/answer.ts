import { EVENT_STREAM } from './endpoint.js';

/** The result of a handler: the JSON body, and headers besides those of every response. */
export interface Answer<Body> {
  readonly body: Body;
  /** Only if it differs from the endpoint's own status. */
  readonly status?: 202;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the body, piece by piece, as the headers say what it is. */
  readonly file?: AsyncIterable<string> | Iterable<Uint8Array>;
  /** Errors of parts of the request, such as single transfers of a batch; they are logged. */
  readonly faults?: readonly Error[];
}

/** A response that lasts until one side ends it. */
export interface StreamAnswer {
  readonly stream: ReadableStream<Uint8Array>;
}

/** An API has no page to show: nothing is cached, framed, sniffed or loaded. */
export const SECURE_HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
} as const;

/** Proxies are asked to pass on each event as it comes. */
export function streamHeaders(requestId: string): Readonly<Record<string, string>> {
  return {
    'content-type': EVENT_STREAM,
    ...SECURE_HEADERS,
    'x-accel-buffering': 'no',
    'x-request-id': requestId,
  };
}
