import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { LedgerError, parseJson } from '@micropay/ledger-core';
import { ProblemError } from '../../errors/problem.js';

export const BODY_BYTES_MAX = 64 * 1024;
const JSON_MEDIA_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

/** A message has a body when a header announces one (RFC 9112, section 6). */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
}

/** Reads a body as JSON and stops as soon as it is larger than allowed; a promise only when it has not arrived yet. */
export function readJson(message: IncomingMessage, bytesMax: number): unknown {
  const { 'content-type': mediaType = '', 'content-length': length } = message.headers;
  if (mediaType !== 'application/json' && !JSON_MEDIA_TYPE.test(mediaType)) {
    throw new ProblemError('unsupported_media_type', 'send JSON, with the header "Content-Type: application/json"');
  }
  const announced = Number(length);
  if (announced > bytesMax) throw tooLarge(bytesMax);
  // Most bodies come in one packet with their headers. To read them as a stream costs listeners and turns.
  const arrived = announced > 0 && message.readableLength === announced ? (message.read() as Buffer | null) : null;
  return arrived?.length === announced ? toJson(arrived) : readBytes(message, bytesMax).then(toJson);
}

function toJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes);
  } catch (cause) {
    // JSON that would not be read as it was written: the refusal names the member.
    if (cause instanceof LedgerError && cause.details.field !== undefined) throw cause;
    throw new ProblemError('malformed_json', 'the body must be JSON text in UTF-8, not compressed', { cause });
  }
}

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
