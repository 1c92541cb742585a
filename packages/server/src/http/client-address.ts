import type { IncomingMessage } from 'node:http';

/** Where a request came from. */
export type ClientAddress = (incoming: IncomingMessage | undefined) => string;

/**
 * Behind proxies the connection comes from the last of them. Each adds the address it was called from to
 * `X-Forwarded-For`, so of that list only as many entries from the right count as there are proxies of ours.
 */
export function createClientAddress(trustedProxies: number): ClientAddress {
  return (incoming) => {
    const connected = incoming?.socket.remoteAddress ?? '';
    if (trustedProxies === 0) return connected;
    const forwarded = String(incoming?.headers['x-forwarded-for'] ?? '').split(',');
    return forwarded.at(-trustedProxies)?.trim() || connected;
  };
}
