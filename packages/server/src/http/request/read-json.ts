import type { IncomingMessage } from 'node:http';
import { LedgerError, parseJson } from '@micropay/ledger-core';
import { ProblemError } from '../../errors/problem.js';

export const BODY_BYTES_MAX = 64 * 1024;
const JSON_MEDIA_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** A message has a body when a header announces one (RFC 9112, section 6). */
export function hasBody({ headers }: Request): boolean {
  return headers.has('transfer-encoding') || (headers.get('content-length') ?? '0') !== '0';
}

/** Reads a body as JSON and stops as soon as it is larger than allowed. */
export async function readJson({ headers }: Request, message: IncomingMessage, bytesMax: number): Promise<unknown> {
  const mediaType = headers.get('content-type');
  if (mediaType !== 'application/json' && !JSON_MEDIA_TYPE.test(mediaType ?? '')) {
    throw new ProblemError('unsupported_media_type', 'send JSON, with the header "Content-Type: application/json"');
  }
  if (Number(headers.get('content-length')) > bytesMax) throw tooLarge(bytesMax);
  const bytes = await readBytes(message, bytesMax);
  try {
    return parseJson(bytes);
  } catch (cause) {
    // JSON that would not be read as it was written: the refusal names the member.
    if (cause instanceof LedgerError && cause.details.field !== undefined) throw cause;
    throw new ProblemError('malformed_json', 'the body must be JSON text in UTF-8, not compressed', { cause });
  }
}

/** Reads Node's own message: the adapter's request would copy the bytes, or silently replace invalid UTF-8. */
function readBytes(message: IncomingMessage, bytesMax: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= bytesMax) chunks.push(chunk);
      else reject(tooLarge(bytesMax));
    });
    const onCut = () => reject(new ProblemError('malformed_json', 'the body is incomplete: send the request again'));
    message.on('close', onCut);
    message.on('end', () => {
      // Every message closes after its end, and an error with its stack would be made for each.
      message.off('close', onCut);
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
    });
    if (message.destroyed) onCut();
  });
}

function tooLarge(bytesMax: number): ProblemError {
  // The rest of the body is not read, so the connection cannot carry another request.
  return new ProblemError('body_too_large', `the body may have at most ${bytesMax} bytes`, {
    headers: { connection: 'close' },
  });
}
