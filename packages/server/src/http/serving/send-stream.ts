import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { dropRest, dropUnread } from './drop-unread.js';

/**
 * Sends a stream, piece by piece, and cancels it when the client is gone, also before it begins. A response that waits after
 * another one on its connection is not notified when the connection ends, so the connection itself is checked.
 */
export function sendStream(
  stream: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  outgoing.writeHead(200, headers);
  outgoing.flushHeaders();
  dropRest(outgoing.req);
  // Pieces wait in the stream, which is bounded, and not here.
  const pieces = Readable.fromWeb(stream as WebStream, { highWaterMark: 0 });
  const { socket } = outgoing.req;
  const onGone = () => pieces.destroy();
  socket.once('close', onGone);
  if (socket.destroyed) onGone();
  pipeline(pieces, outgoing)
    // A client may go at any time: that is no failure.
    .catch(() => undefined)
    .finally(() => socket.off('close', onGone));
}

/** Answers HEAD: nobody reads what would be the body. */
export function sendNoStream(
  stream: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  headers: Readonly<Record<string, string>>,
): void {
  // One that fails to end has nobody to say it to.
  stream.cancel().catch(() => undefined);
  dropUnread(outgoing);
  outgoing.writeHead(200, headers).end();
}
