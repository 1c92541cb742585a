import type { Context } from 'hono';
import { authorize } from '../auth/authenticate.js';
import { SECURE_HEADERS } from '../http/answer.js';
import type { RequestMetrics } from '../http/request-metrics.js';
import type { Services } from '../services.js';

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** For operators: what a scraper asks with the operator's key as its bearer token. */
export function serveMetrics({ authenticate }: Services, metrics: RequestMetrics) {
  return async ({ req }: Context): Promise<Response> => {
    authorize(await authenticate(req.raw.headers.get('authorization')), 'operator');
    return new Response(metrics.text(), { headers: { 'content-type': PROMETHEUS_TEXT, ...SECURE_HEADERS } });
  };
}
