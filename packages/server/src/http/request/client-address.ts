import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';

/** Finds the network address that a request came from. */
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
    return addressIn(forwarded.at(-trustedProxies)?.trim() ?? '') ?? connected;
  };
}

/** Some proxies add the port that they were called from, which is another one for each connection, or the zone of an address. */
const FORMS = [/^\[([^\]%]+)(?:%[^\]]*)?\](?::[0-9]+)?$/, /^([0-9.]+):[0-9]+$/, /^([^%]+)%/, /^(.+)$/];

/** The address alone, in one form; undefined for what is none. */
function addressIn(entry: string): string | undefined {
  const address =
    FORMS.map((form) => form.exec(entry)?.[1])
      .find((found) => found !== undefined)
      ?.toLowerCase() ?? '';
  const plain = address.replace(/^::ffff:(?=[0-9.]+$)/, '');
  return isIP(plain) === 0 ? undefined : plain;
}
