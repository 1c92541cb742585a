import type { Context } from 'hono';
import { SECURE_HEADERS } from '../../http/answer.js';
import { type Authenticate, authorize } from '../../http/authorize.js';

const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';

/** Lines in the text format of Prometheus, as they are now. */
export type MetricsSource = () => Promise<readonly string[]>;

/** For operators: what a scraper asks with the operator's key as its bearer token. */
export function serveMetrics(authenticate: Authenticate, sources: readonly MetricsSource[]) {
  return async ({ req }: Context): Promise<Response> => {
    authorize(await authenticate(req.raw.headers.get('authorization')), 'operator');
    const lines = (await Promise.all(sources.map((source) => source()))).flat();
    return new Response([...lines, ''].join('\n'), { headers: { 'content-type': PROMETHEUS_TEXT, ...SECURE_HEADERS } });
  };
}
