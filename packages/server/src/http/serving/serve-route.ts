import { type IncomingMessage, ServerResponse } from 'node:http';
import type { HttpBindings } from '@hono/node-server';
import { z } from '@hono/zod-openapi';
import type { Span } from '@opentelemetry/api';
import type { Context } from 'hono';
import type { Logger } from 'pino';
import { ProblemError } from '../../errors/problem.js';
import type { Act } from '../../identity/act.js';
import type { Principal } from '../../identity/principal.js';
import type { RateLimitHeaders } from '../../throttling/rate-limit-headers.js';
import { jsonResponse, problemResponse, type StreamAnswer, streamHeaders } from '../answer.js';
import type { AuditTrail } from '../audit-trail.js';
import { type Authenticate, authorize } from '../authorize.js';
import { type Endpoint, isLocalSignIn } from '../endpoint.js';
import { readIdempotencyKey } from '../idempotency-key.js';
import type { ClientAddress } from '../request/client-address.js';
import { parse } from '../request/invalid.js';
import { prefersAsync } from '../request/prefer.js';
import { BODY_BYTES_MAX, hasBody, readJson } from '../request/read-json.js';
import { givenTwice, readQuery } from '../request/read-query.js';
import { requestId } from '../request/request-id.js';
import type { EndpointRequest, Route } from '../route.js';
import { toProblem } from '../to-problem.js';
import { actOf, doRecorded, isAct, recordForbidden, refusedKind } from './recorded-act.js';
import type { RequestLimits, Sender } from './request-limits.js';
import type { RequestMetrics } from './request-metrics.js';
import { endRequestSpan, requestSpans, withinSpan } from './request-span.js';
import { sendStream } from './send-stream.js';

/** Node's own request and response. */
export interface AppEnv {
  Bindings: HttpBindings;
}

type AppContext = Context<AppEnv>;

/** The services that find out who asks, and from where, before a handler runs, and record what operators do. */
export interface RequestServices {
  readonly authenticate: Authenticate;
  readonly clientAddress: ClientAddress;
  readonly audit: AuditTrail;
  readonly requestLimits: RequestLimits;
  /** False if another issuer alone signs users in. */
  readonly localSignIn: boolean;
}

const NO_QUERY = z.strictObject({});
const NOTHING_ASKED = {};

/**
 * One function for the whole of a request, from its headers to its answer. Payments are many, and each
 * middleware would cost them a turn of its own.
 */
export function serveRoute<Services extends RequestServices>(
  { endpoint, bind }: Route<Services>,
  services: Services,
  { metrics, log, isTraced }: { readonly metrics: RequestMetrics; readonly log: Logger; readonly isTraced: boolean },
) {
  const handle = bind(services);
  const { operationId } = endpoint;
  const limits = services.requestLimits.of(endpoint);
  const isOff = !services.localSignIn && isLocalSignIn(endpoint);
  const logsRequests = log.isLevelEnabled('debug');

  /** A credential that is refused counts for its network. */
  async function identify({ req }: AppContext, clientAddress: string): Promise<Principal> {
    try {
      return await services.authenticate(req.raw.headers.get('authorization'));
    } catch (error) {
      await limits?.admit({ principal: undefined, clientAddress });
      throw error;
    }
  }

  async function serve(context: AppContext, span?: Span): Promise<Response> {
    const startedAtMs = performance.now();
    const id = requestId(context.req.raw.headers.get('x-request-id'));
    let response: Response;
    let code: string | undefined;
    let request: EndpointRequest | undefined;
    let limitHeaders: RateLimitHeaders | undefined;
    try {
      const clientAddress = services.clientAddress(context.env.incoming);
      const principal = endpoint.access === 'anyone' ? undefined : await identify(context, clientAddress);
      const sender: Sender = { principal, clientAddress };
      if (limits !== undefined) limitHeaders = await limits.admit(sender);
      if (isOff) throw localSignInOff();
      request = await checkRequest(endpoint, context, { sender, requestId: id, audit: services.audit });
      if (endpoint.batch !== undefined) limits?.admitMore(sender, sizeOfBatch(endpoint.batch, request) - 1);
      const result = await perform(request);
      if ('faults' in result)
        for (const err of result.faults ?? []) log.error({ requestId: id, err }, 'part of a request failed');
      response =
        'stream' in result
          ? await streamResponse(result, context, { ...streamHeaders(id), ...limitHeaders })
          : jsonResponse(result.status ?? statusOf(endpoint, request), result, { 'x-request-id': id, ...limitHeaders });
    } catch (error) {
      ({ response, code } = refuse(error, { requestId: id, log, reader: request?.principal, headers: limitHeaders }));
    }
    const { status } = response;
    const durationMs = performance.now() - startedAtMs;
    metrics.record({ operation: operationId, status, durationMs, code });
    if (logsRequests) log.debug({ requestId: id, operation: operationId, status, durationMs }, 'request');
    if (span !== undefined) endRequestSpan(span, { requestId: id, status, code });
    return response;
  }

  function perform(request: EndpointRequest) {
    const { act, principal } = request;
    if (act === undefined || principal === undefined) return handle(request);
    if (endpoint.recordsAct === true) return recordForbidden(services.audit, act, principal, () => handle(request));
    return doRecorded(services.audit, act, principal, () => handle(request));
  }

  if (!isTraced) return (context: AppContext) => serve(context);
  const startSpan = requestSpans(endpoint);
  return (context: AppContext) => {
    const span = startSpan(context.req.raw.headers);
    return span === undefined ? serve(context) : withinSpan(span, () => serve(context, span));
  };
}

function localSignInOff(): ProblemError {
  return new ProblemError('local_sign_in_off', 'users sign in with another issuer: send its access token');
}

async function streamResponse(
  { stream }: StreamAnswer,
  context: AppContext,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const outgoing = context.env.outgoing;
  // Nobody reads what would be the body.
  if (context.req.raw.method === 'HEAD') await stream.cancel();
  else if (outgoing instanceof ServerResponse) {
    return sendStream(stream, outgoing, { ...Object.fromEntries(context.res.headers), ...headers });
  }
  return new Response(stream, { headers });
}

/** A batch counts for as many requests as it holds. */
function sizeOfBatch(member: string, { body }: EndpointRequest): number {
  return (body as unknown as Readonly<Record<string, readonly unknown[]>>)[member]?.length ?? 1;
}

/** A dry run creates nothing. */
function statusOf({ answer, dryRun }: Endpoint, { body }: EndpointRequest): number {
  return dryRun === true && (body as { dryRun?: boolean } | undefined)?.dryRun === true ? 200 : answer.status;
}

/** Turns an error into the response that says so, and logs the ones that are the server's fault. */
export function refuse(
  error: unknown,
  {
    requestId: id,
    log,
    reader,
    headers: others,
  }: {
    readonly requestId: string;
    readonly log: Logger;
    readonly reader?: Principal | undefined;
    /** Besides those of the problem. */
    readonly headers?: Readonly<Record<string, string>> | undefined;
  },
): { readonly response: Response; readonly code: string } {
  const { problem, headers } = toProblem(error, reader);
  // A fault needs its stack; of work that cannot be done now there may be thousands a second, and a line is enough.
  if (problem.status === 500) log.error({ requestId: id, err: error }, 'request failed');
  else if (problem.status > 500) log.warn({ requestId: id, code: problem.code }, problem.detail);
  return { response: problemResponse(problem, { ...others, ...headers }, id), code: problem.code };
}

async function checkRequest(
  endpoint: Endpoint,
  context: AppContext,
  { sender, requestId, audit }: { readonly sender: Sender; readonly requestId: string; readonly audit: AuditTrail },
): Promise<EndpointRequest> {
  const { env } = context;
  const { raw } = context.req;
  const { headers } = raw;
  const { clientAddress } = sender;
  let { principal } = sender;
  if (principal !== undefined) {
    try {
      principal = authorize(principal, endpoint, clientAddress);
    } catch (error) {
      const asked = { principal, params: context.req.param(), clientAddress, requestId };
      if (endpoint.scope !== undefined) await audit.refuse(actOf(endpoint, asked), refusedKind(principal));
      throw error;
    }
  }
  const { params, query, headers: headersSchema, body, idempotencyKey } = endpoint;
  const request = {
    principal,
    idempotencyKey:
      idempotencyKey === undefined
        ? undefined
        : readIdempotencyKey(onlyHeader(context, 'Idempotency-Key'), idempotencyKey),
    respondAsync: endpoint.accepted !== undefined && prefersAsync(headers.get('prefer')),
    params: params === undefined ? undefined : context.req.param(),
    query: query === undefined && !raw.url.includes('?') ? NOTHING_ASKED : parse(query ?? NO_QUERY, readQuery(raw.url)),
    headers: headersSchema === undefined ? undefined : parse(headersSchema, Object.fromEntries(headers)),
    authorization: headers.get('authorization'),
    userAgent: () => headers.get('user-agent'),
    disconnect() {
      disconnect(context);
    },
    body: body === undefined ? undefined : parse(body.schema, await readBody(raw, env.incoming, body)),
    clientAddress,
    act: undefined as Act | undefined,
  };
  if (principal !== undefined && isAct(endpoint, principal, request.body)) {
    const asked = { principal, params: context.req.param(), body: request.body, clientAddress, requestId };
    request.act = actOf(endpoint, asked);
  }
  return request as unknown as EndpointRequest;
}

/** Headers that are sent twice arrive as one, their values joined by commas, which a value may hold as well. */
function onlyHeader({ env, req }: AppContext, name: string): string | null {
  const value = req.raw.headers.get(name);
  if (value?.includes(',') !== true) return value;
  const times = env.incoming.headersDistinct[name.toLowerCase()]?.length ?? 1;
  if (times > 1) throw givenTwice(name);
  return value;
}

/** A response queued after another one has no connection yet, and a complete one has passed it on. */
function disconnect({ env }: AppContext): void {
  if (env.outgoing.writableFinished === false) env.incoming.socket.destroy();
}

async function readBody(
  request: Request,
  message: IncomingMessage,
  { bytesMax = BODY_BYTES_MAX, optional }: NonNullable<Endpoint['body']>,
): Promise<unknown> {
  return optional === true && !hasBody(request) ? {} : readJson(request, message, bytesMax);
}
