import type { IncomingMessage, ServerResponse } from 'node:http';

/** A client that is still sending after its answer has this long, and this much, until its connection is closed. */
const DROP_TIMEOUT_MS = 500;
const DROP_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Reads and drops what a client still sends when it has been answered, as in a request that is refused by its headers. The
 * connection carries its next request after that.
 */
export function dropUnread(outgoing: ServerResponse): void {
  const { req: incoming } = outgoing;
  if (incoming.complete) return;
  // The rest of a small request is read before its answer is sent.
  outgoing.once('finish', () => {
    if (!incoming.complete && !incoming.destroyed) drop(incoming);
  });
}

function drop(incoming: IncomingMessage): void {
  const { socket } = incoming;
  const startBytes = socket.bytesRead;
  const close = () => {
    stop();
    socket.destroySoon();
  };
  const timer = setTimeout(close, DROP_TIMEOUT_MS).unref();
  const count = () => {
    if (socket.bytesRead - startBytes > DROP_BYTES_MAX) close();
  };
  const stop = () => {
    clearTimeout(timer);
    incoming.off('data', count).off('end', stop).off('close', stop);
  };
  incoming.on('data', count).on('end', stop).on('close', stop).resume();
}
