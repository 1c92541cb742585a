import { type Context, Hono } from 'hono';
import { cors } from 'hono/cors';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { SECURE_HEADERS } from './http/answer.js';
import { openApiDocument } from './http/openapi-document.js';
import { requestId } from './http/request/request-id.js';
import { createRequestMetrics } from './http/serving/request-metrics.js';
import { isTracingOn } from './http/serving/request-span.js';
import { createRouteTable } from './http/serving/route-table.js';
import { type AppEnv, refuse, serveRoute } from './http/serving/serve-route.js';
import { ROUTES } from './routes.js';
import { serveDocs, serveDocsScript } from './service/routes/docs.js';
import { serveMetrics } from './service/routes/metrics.js';
import type { Services } from './services.js';

const CORS_MAX_AGE_S = 600;
/** Routes that are not part of the OpenAPI document. */
const PAGES = ['/openapi.json', '/metrics', '/docs', '/docs/scalar.js'].map(
  (path) => ({ method: 'get', path }) as const,
);
/** Response headers that scripts in a browser may read. */
const EXPOSED_HEADERS = [
  'Idempotent-Replayed',
  'Location',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'X-Request-Id',
];

export interface AppDependencies {
  readonly services: Services;
  readonly log: Logger;
  /** Pages of these origins may call from a browser; none by default. */
  readonly corsOrigins?: readonly string[];
  /** The metrics of `/metrics`; those of HTTP requests are added to it. */
  readonly registry?: Registry;
  /** The text of `/metrics`; by default that of the registry. */
  readonly readMetrics?: () => Promise<string>;
}

/** The HTTP interface without a port: a `fetch` function. */
export function createApp({
  services,
  log,
  corsOrigins = [],
  registry = new Registry(),
  readMetrics,
}: AppDependencies) {
  const app = new Hono<AppEnv>();
  const endpoints = ROUTES.map(({ endpoint }) => endpoint);
  const metrics = createRequestMetrics(registry);

  const isForBrowsers = corsOrigins.length > 0;
  const table = createRouteTable([...endpoints, ...PAGES], isForBrowsers ? ['OPTIONS'] : []);
  const refuseRoute = ({ req }: Context<AppEnv>) =>
    refuse(table.refusal(req.method, req.path), { requestId: requestId(req.raw.headers.get('x-request-id')), log })
      .response;

  // Only when it is asked for: without it a request goes straight to its one handler.
  if (isForBrowsers) {
    const share = cors({ origin: [...corsOrigins], exposeHeaders: EXPOSED_HEADERS, maxAge: CORS_MAX_AGE_S });
    app.use('*', (context, next) =>
      context.req.method === 'OPTIONS' && !table.has(context.req.path) ? next() : share(context, next),
    );
  }
  for (const { path, methods } of table.reserved) app.on([...methods], path, refuseRoute);
  const serving = { metrics, log, isTraced: isTracingOn() };
  for (const route of ROUTES) {
    const { method, path } = route.endpoint;
    app.on(method.toUpperCase(), path.replaceAll(/\{(\w+)\}/g, ':$1'), serveRoute(route, services, serving));
  }

  let documentText: string | undefined;
  app.get('/openapi.json', () => {
    documentText ??= JSON.stringify(openApiDocument(endpoints));
    return new Response(documentText, { headers: { 'content-type': 'application/json', ...SECURE_HEADERS } });
  });

  app.get('/metrics', serveMetrics(services, readMetrics ?? (() => registry.metrics())));
  app.get('/docs', serveDocs);
  app.get('/docs/scalar.js', serveDocsScript);

  app.notFound(refuseRoute);
  app.onError(
    (error, { req }) => refuse(error, { requestId: requestId(req.raw.headers.get('x-request-id')), log }).response,
  );
  return app;
}
