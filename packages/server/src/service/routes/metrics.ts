import type { Context } from 'hono';
import { Registry } from 'prom-client';
import { SECURE_HEADERS } from '../../http/answer.js';
import { authorize } from '../../http/authorize.js';
import type { AppEnv, RequestServices } from '../../http/serving/serve-route.js';

const PERMISSION = { access: 'operator', scope: 'metrics:read' } as const;

/** For operators: a scraper sends an operator's key as its bearer token. */
export function serveMetrics({ authenticate, clientAddress }: RequestServices, readMetrics: () => Promise<string>) {
  return async ({ req, env }: Context<AppEnv>): Promise<Response> => {
    const principal = await authenticate(req.raw.headers.get('authorization'));
    authorize(principal, PERMISSION, clientAddress(env.incoming));
    const headers = { 'content-type': Registry.PROMETHEUS_CONTENT_TYPE, ...SECURE_HEADERS };
    return new Response(await readMetrics(), { headers });
  };
}
