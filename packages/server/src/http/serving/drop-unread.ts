import type { IncomingMessage, ServerResponse } from 'node:http';

/** A client that is still sending after its answer has this long until its connection is closed. */
const DROP_TIMEOUT_MS = 500;

/**
 * Reads and drops what a client still sends when it has been answered, as in a request that is refused by its headers. The
 * connection carries its next request after that.
 */
export function dropUnread(outgoing: ServerResponse): void {
  const { req: incoming } = outgoing;
  if (incoming.complete) return;
  // The rest of a small request is read before its answer is sent.
  outgoing.once('finish', () => dropRest(incoming));
}

/** As `dropUnread`, for an answer that may go on for long: whoever sends so long is cut off meanwhile. */
export function dropRest(incoming: IncomingMessage): void {
  if (incoming.complete || incoming.destroyed) return;
  const timer = setTimeout(() => {
    stop();
    incoming.socket.destroySoon();
  }, DROP_TIMEOUT_MS).unref();
  const stop = () => {
    clearTimeout(timer);
    incoming.off('end', stop).off('close', stop);
  };
  incoming.on('end', stop).on('close', stop).resume();
}
