import type { IncomingMessage, ServerResponse } from 'node:http';

/** A request to a path that is known, and its response: Node's own objects. */
export interface Exchange {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** The parameters of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** What follows the "?"; undefined if there is none. */
  readonly query: string | undefined;
}

/** Sends the response. Failures are sent or logged, and never thrown. */
export type Serve = (exchange: Exchange) => void | Promise<void>;

/** The path and query of a request target; proxies may send the whole URL (RFC 9112, section 3.2.2). */
export function readTarget(target: string): { readonly path: string; readonly query: string | undefined } {
  const sent = target.startsWith('/') ? target : withoutOrigin(target);
  const mark = sent.indexOf('?');
  return mark === -1 ? { path: sent, query: undefined } : { path: sent.slice(0, mark), query: sent.slice(mark + 1) };
}

function withoutOrigin(target: string): string {
  if (!/^https?:/i.test(target) || !URL.canParse(target)) return target;
  const { pathname, search } = new URL(target);
  return pathname + search;
}
