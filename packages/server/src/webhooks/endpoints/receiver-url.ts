import { ProblemError } from '../../errors/problem.js';
import type { ReceiverAddresses } from '../sending/receiver-addresses.js';
import { isAllowedScheme, literalOf } from '../sending/resolve-receiver.js';

export const URL_LENGTH_MAX = 2_000;

/**
 * Refuses a URL that nothing would ever be sent to. Names are looked up when something is sent, and each time anew: what a name
 * points to now says nothing about later.
 *
 * @throws {ProblemError} `webhook_url_refused`
 */
export function refuseReceiverUrl(text: string, { mayDial, hasPrivate }: ReceiverAddresses): void {
  if (!URL.canParse(text)) throw refused('must be a URL such as https://example.com/webhooks');
  const url = new URL(text);
  if (!isAllowedScheme(url.protocol)) throw refused('must begin with https://');
  if (url.protocol === 'http:' && !hasPrivate) {
    throw refused('must begin with https://; http:// is only for networks of WEBHOOK_ALLOWED_NETWORKS');
  }
  if (url.username !== '' || url.password !== '') throw refused('must not contain a user or a password');
  if (url.hash !== '') throw refused('must not have a fragment');
  const literal = literalOf(url.hostname);
  if (literal !== undefined && !mayDial(literal)) throw refused('must not be at an address that is not public');
}

function refused(message: string): ProblemError {
  return new ProblemError('webhook_url_refused', `url: ${message}`, { errors: [{ path: 'url', message }] });
}
