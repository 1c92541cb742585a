import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as WebStream } from 'node:stream/web';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';

/**
 * Sends a stream by Node's own response, piece by piece, and cancels it when the client is gone. The adapter would do it
 * with a chain of promises that grows with each piece, by seventy bytes that stay as long as the stream lasts, and
 * would leave a stream alone, neither read nor cancelled, whose client is gone before it begins. A response that waits
 * after another one on its connection is not notified when the connection ends, so the connection itself is checked.
 */
export function sendStream(
  stream: ReadableStream<Uint8Array>,
  outgoing: ServerResponse,
  headers: Readonly<Record<string, string>>,
): Response {
  outgoing.writeHead(200, headers);
  outgoing.flushHeaders();
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
  return RESPONSE_ALREADY_SENT;
}
