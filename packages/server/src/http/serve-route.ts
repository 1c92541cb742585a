import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import { authorize } from '../auth/authenticate.js';
import type { Principal } from '../auth/principal.js';
import type { Services } from '../services.js';
import { jsonResponse, problemResponse } from './answer.js';
import type { Endpoint } from './endpoint.js';
import { readIdempotencyKey } from './idempotency-key.js';
import { parse } from './invalid.js';
import { BODY_BYTES_MAX, readJson } from './read-json.js';
import { requestId } from './request-id.js';
import type { EndpointRequest, Route } from './route.js';
import { toProblem } from './to-problem.js';

/** Node's own request and response, when the app is served by Node. */
export interface AppEnv {
  Bindings: Partial<HttpBindings>;
}

type AppContext = Context<AppEnv>;

/**
 * One function for the whole of a request, from its headers to its answer. Payments are many, and each
 * middleware would cost them a turn of its own.
 */
export function serveRoute({ endpoint, bind }: Route, services: Services, log: Logger) {
  const handle = bind(services);
  const { status } = endpoint.answer;
  const logsRequests = log.isLevelEnabled('debug');

  return async (context: AppContext): Promise<Response> => {
    const startedAtMs = logsRequests ? performance.now() : 0;
    const id = requestId(context.req.raw.headers.get('x-request-id'));
    let response: Response;
    try {
      const request = await checkRequest(endpoint, services, context);
      response = jsonResponse(status, await handle(request), id);
    } catch (error) {
      response = refuse(error, id, log);
    }
    if (logsRequests) {
      const durationMs = performance.now() - startedAtMs;
      log.debug({ requestId: id, operation: endpoint.operationId, status: response.status, durationMs }, 'request');
    }
    return response;
  };
}

/** Turns an error into its problem, and logs the ones that are the server's fault. */
export function refuse(error: unknown, id: string, log: Logger): Response {
  const { problem, headers } = toProblem(error);
  if (problem.status >= 500) {
    const level = problem.status === 500 ? 'error' : 'warn';
    log[level]({ requestId: id, code: problem.code, err: error }, 'request failed');
  }
  return problemResponse(problem, headers, id);
}

async function checkRequest(endpoint: Endpoint, services: Services, context: AppContext): Promise<EndpointRequest> {
  const { raw } = context.req;
  const { headers } = raw;
  let principal: Principal | undefined;
  if (endpoint.access !== 'anyone') {
    principal = await services.authenticate(headers.get('authorization'));
    authorize(principal, endpoint.access);
  }
  const { params, query, body, idempotencyKey } = endpoint;
  return {
    principal,
    idempotencyKey:
      idempotencyKey === undefined ? undefined : readIdempotencyKey(headers.get('idempotency-key'), idempotencyKey),
    params: params === undefined ? undefined : context.req.param(),
    query: query === undefined ? undefined : parse(query, context.req.query()),
    body: body === undefined ? undefined : parse(body.schema, await readJson(raw, body.bytesMax ?? BODY_BYTES_MAX)),
    clientAddress: endpoint.access === 'anyone' ? services.clientAddress(context.env?.incoming) : '',
  } as unknown as EndpointRequest;
}
