import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { SECURE_HEADERS } from './http/answer.js';
import { openApiDocument } from './http/openapi-document.js';
import { requestId } from './http/request/request-id.js';
import { createCrossOrigin } from './http/serving/cross-origin.js';
import { type Exchange, readTarget, type Serve } from './http/serving/exchange.js';
import { refuse } from './http/serving/refuse.js';
import { createRequestMetrics } from './http/serving/request-metrics.js';
import { type HeadSampling, isTracingOn } from './http/serving/request-span.js';
import { createRouteTable } from './http/serving/route-table.js';
import { sendPage } from './http/serving/send-answer.js';
import { serveRoute } from './http/serving/serve-route.js';
import { ROUTES } from './routes.js';
import { serveDocs, serveDocsScript } from './service/routes/docs.js';
import { serveMetrics } from './service/routes/metrics.js';
import type { Services } from './services.js';

export interface AppDependencies {
  readonly services: Services;
  readonly log: Logger;
  /** Pages of these origins may call from a browser; none by default. */
  readonly corsOrigins?: readonly string[];
  /** The metrics of `/metrics`; those of HTTP requests are added to it. */
  readonly registry?: Registry;
  /** How the SDK of this process samples, if it is known. */
  readonly sampling?: HeadSampling | undefined;
  /** The text of `/metrics`; by default that of the registry. */
  readonly readMetrics?: () => Promise<string>;
}

/** The HTTP interface without a port: a listener for the requests of a server of `node:http`. */
export function createApp({
  services,
  log,
  corsOrigins = [],
  registry = new Registry(),
  readMetrics,
  sampling,
}: AppDependencies): RequestListener {
  const metrics = createRequestMetrics(registry);
  const serving = { metrics, log, isTraced: isTracingOn(), sampling };
  const routes = ROUTES.map((route) => ({ ...route.endpoint, target: serveRoute(route, services, serving) }));

  let documentText: string | undefined;
  const serveDocument: Serve = ({ outgoing }) => {
    documentText ??= JSON.stringify(openApiDocument(ROUTES.map(({ endpoint }) => endpoint)));
    sendPage(outgoing, { 'content-type': 'application/json', ...SECURE_HEADERS }, documentText);
  };
  /** Routes that are not part of the OpenAPI document. */
  const pages: readonly (readonly [string, Serve])[] = [
    ['/openapi.json', serveDocument],
    ['/metrics', serveMetrics(services, readMetrics ?? (() => registry.metrics()))],
    ['/docs', serveDocs],
    ['/docs/scalar.js', serveDocsScript],
  ];

  const crossOrigin = corsOrigins.length === 0 ? undefined : createCrossOrigin(corsOrigins);
  const table = createRouteTable<Serve>(
    [...routes, ...pages.map(([path, serve]) => ({ method: 'get', path, target: refusing(serve) }) as const)],
    crossOrigin === undefined ? [] : ['OPTIONS'],
  );

  /** Pages have no operation to be counted as, and their failures are sent here. */
  function refusing(serve: Serve): Serve {
    return async (exchange) => {
      try {
        await serve(exchange);
      } catch (error) {
        refuseWith(error, exchange);
      }
    };
  }

  function refuseWith(error: unknown, { incoming, outgoing }: Pick<Exchange, 'incoming' | 'outgoing'>): void {
    refuse(outgoing, error, { requestId: requestId(incoming.headers['x-request-id']), log });
  }

  function begin(incoming: IncomingMessage, outgoing: ServerResponse): void {
    try {
      route(incoming, outgoing);
    } catch (error) {
      refuseWith(error, { incoming, outgoing });
    }
  }

  /** @throws {ProblemError} `route_not_found`, `method_not_allowed` */
  function route(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = 'GET', url = '/' } = incoming;
    const { path, query } = readTarget(url);
    if (crossOrigin !== undefined) {
      if (method === 'OPTIONS' && table.has(path)) {
        crossOrigin.answerPreflight(incoming, outgoing);
        return;
      }
      crossOrigin.share(incoming, outgoing);
    }
    const found = table.find(method, path);
    if (found === undefined) throw table.refusal(method, path);
    void found.target({ incoming, outgoing, params: found.params, query });
  }

  // In the next turn: Node has read the rest of the packet by then, and with it the body of most requests.
  return (incoming, outgoing) => process.nextTick(begin, incoming, outgoing);
}
