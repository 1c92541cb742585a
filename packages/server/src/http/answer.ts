import { PROBLEM_MEDIA_TYPE, type Problem } from '../errors/problem.js';
import { EVENT_STREAM } from './endpoint.js';

/** The result of a handler: the JSON body, and headers besides those of every response. */
export interface Answer<Body> {
  readonly body: Body;
  /** Only if it differs from the endpoint's own status. */
  readonly status?: 202;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in place of the body, piece by piece, as the headers say what it is. */
  readonly text?: AsyncIterable<string>;
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

const JSON_HEADERS = { 'content-type': 'application/json', ...SECURE_HEADERS };
const PROBLEM_HEADERS = { 'content-type': PROBLEM_MEDIA_TYPE, ...SECURE_HEADERS };

/** Built from a text and a plain object, which is what the Node adapter writes without a detour. */
export function jsonResponse(
  status: number,
  { body, headers, text }: Answer<unknown>,
  requestHeaders: Readonly<Record<string, string>>,
): Response {
  if (text !== undefined) {
    const stream = ReadableStream.from(text).pipeThrough(new TextEncoderStream());
    return new Response(stream, { status, headers: { ...SECURE_HEADERS, ...requestHeaders, ...headers } });
  }
  if (body === undefined) {
    return new Response(null, { status, headers: { ...SECURE_HEADERS, ...requestHeaders, ...headers } });
  }
  return new Response(JSON.stringify(body), {
    status,
    headers: { ...JSON_HEADERS, ...requestHeaders, ...headers },
  });
}

export function problemResponse(
  problem: Problem,
  headers: Readonly<Record<string, string>> | undefined,
  requestId: string,
): Response {
  return new Response(JSON.stringify({ ...problem, instance: `urn:micropay:request:${requestId}` }), {
    status: problem.status,
    headers: { ...PROBLEM_HEADERS, 'x-request-id': requestId, ...headers },
  });
}

/** Proxies are asked to pass on each event as it comes. */
export function streamHeaders(requestId: string): Readonly<Record<string, string>> {
  return {
    'content-type': EVENT_STREAM,
    ...SECURE_HEADERS,
    'x-accel-buffering': 'no',
    'x-request-id': requestId,
  };
}
