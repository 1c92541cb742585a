import { LedgerError, parseJson } from '@micropay/ledger-core';
import { ProblemError } from './problem.js';

export const BODY_BYTES_MAX = 64 * 1024;
const JSON_MEDIA_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** A message has a body when a header announces one (RFC 9112, section 6). */
export function hasBody({ headers }: Request): boolean {
  return headers.has('transfer-encoding') || (headers.get('content-length') ?? '0') !== '0';
}

/** Reads a body as JSON and stops as soon as it is larger than allowed. */
export async function readJson(request: Request, bytesMax: number): Promise<unknown> {
  const mediaType = request.headers.get('content-type');
  if (mediaType !== 'application/json' && !JSON_MEDIA_TYPE.test(mediaType ?? '')) {
    throw new ProblemError('unsupported_media_type', 'send JSON, with the header "Content-Type: application/json"');
  }
  const bytes = await readBytes(request, bytesMax);
  try {
    return parseJson(bytes);
  } catch (cause) {
    // JSON that would not be read as it was written: the refusal names the member.
    if (cause instanceof LedgerError && cause.details.field !== undefined) throw cause;
    throw new ProblemError('malformed_json', 'the body must be JSON text in UTF-8, not compressed', { cause });
  }
}

async function readBytes(request: Request, bytesMax: number): Promise<Uint8Array> {
  const length = request.headers.get('content-length');
  if (length !== null && Number(length) > bytesMax) throw tooLarge(bytesMax);
  try {
    // The HTTP parser ends a body at its announced length, so only a body without one has to be counted.
    return length === null ? await readCounting(request, bytesMax) : new Uint8Array(await request.arrayBuffer());
  } catch (cause) {
    if (cause instanceof ProblemError) throw cause;
    throw new ProblemError('malformed_json', 'the body did not arrive whole', { cause });
  }
}

async function readCounting(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (request.body === null) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(bytesMax: number): ProblemError {
  // What is left of the body is not read, so the connection cannot carry another request.
  return new ProblemError('body_too_large', `the body may have at most ${bytesMax} bytes`, {
    headers: { connection: 'close' },
  });
}
