import type { Context } from 'hono';
import { Registry } from 'prom-client';
import { SECURE_HEADERS } from '../../http/answer.js';
import { type Authenticate, authorize } from '../../http/authorize.js';

/** For operators: a scraper sends an operator's key as its bearer token. */
export function serveMetrics(authenticate: Authenticate, readMetrics: () => Promise<string>) {
  return async ({ req }: Context): Promise<Response> => {
    authorize(await authenticate(req.raw.headers.get('authorization')), 'operator');
    const headers = { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE, ...SECURE_HEADERS };
    return new Response(await readMetrics(), { headers });
  };
}
