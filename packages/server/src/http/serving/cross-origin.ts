import type { IncomingMessage, ServerResponse } from 'node:http';
import { dropUnread } from './drop-unread.js';

const MAX_AGE_S = 600;
const METHODS = 'GET,HEAD,PUT,POST,DELETE,PATCH,QUERY';
/** Response headers that scripts in a browser may read. */
const EXPOSED_HEADERS = [
  'Idempotent-Replayed',
  'Location',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
].join(',');

/** Lets pages of these origins call from a browser, by the Fetch standard's CORS protocol. */
export interface CrossOrigin {
  /** Adds to any response what the page may know of it. */
  share(incoming: IncomingMessage, outgoing: ServerResponse): void;
  /** Answers a browser that asks before it sends. */
  answerPreflight(incoming: IncomingMessage, outgoing: ServerResponse): void;
}

export function createCrossOrigin(origins: readonly string[]): CrossOrigin {
  function share({ headers: { origin } }: IncomingMessage, outgoing: ServerResponse): void {
    if (origin !== undefined && origins.includes(origin)) outgoing.setHeader('access-control-allow-origin', origin);
    outgoing.setHeader('access-control-expose-headers', EXPOSED_HEADERS);
    outgoing.setHeader('vary', 'Origin');
  }
  return {
    share,
    answerPreflight(incoming, outgoing) {
      share(incoming, outgoing);
      outgoing.setHeader('access-control-max-age', String(MAX_AGE_S));
      outgoing.setHeader('access-control-allow-methods', METHODS);
      const asked = incoming.headers['access-control-request-headers'];
      if (asked !== undefined && asked !== '') {
        const names = asked.split(',').map((name) => name.trim());
        outgoing.setHeader('access-control-allow-headers', names.join(','));
        outgoing.appendHeader('vary', 'Access-Control-Request-Headers');
      }
      dropUnread(outgoing);
      outgoing.writeHead(204).end();
    },
  };
}
