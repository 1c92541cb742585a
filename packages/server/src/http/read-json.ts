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
  const text = await readText(request, bytesMax);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ProblemError('malformed_json', 'the body must be JSON text in UTF-8, not compressed', { cause });
  }
}

async function readText(request: Request, bytesMax: number): Promise<string> {
  const length = request.headers.get('content-length');
  if (length !== null && Number(length) > bytesMax) throw tooLarge(bytesMax);
  try {
    // The HTTP parser ends a body at its announced length, so only a body without one has to be counted.
    return length === null ? await readCounting(request, bytesMax) : await request.text();
  } catch (cause) {
    if (cause instanceof ProblemError) throw cause;
    throw new ProblemError('malformed_json', 'the body did not arrive whole', { cause });
  }
}

async function readCounting(request: Request, bytesMax: number): Promise<string> {
  if (request.body === null) return '';
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body as unknown as AsyncIterable<Uint8Array>) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(bytesMax: number): ProblemError {
  // What is left of the body is not read, so the connection cannot carry another request.
  return new ProblemError('body_too_large', `the body may have at most ${bytesMax} bytes`, {
    headers: { connection: 'close' },
  });
}
