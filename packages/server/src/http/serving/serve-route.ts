import { z } from '@hono/zod-openapi';
import type { Span } from '@opentelemetry/api';
import type { Logger } from 'pino';
import { ProblemError } from '../../errors/problem.js';
import type { Act } from '../../identity/act.js';
import type { Principal } from '../../identity/principal.js';
import type { RateLimitHeaders } from '../../throttling/rate-limit-headers.js';
import { type Answer, type StreamAnswer, streamHeaders } from '../answer.js';
import type { AuditTrail } from '../audit-trail.js';
import { type Authenticate, authorize } from '../authorize.js';
import { type Endpoint, isLocalSignIn } from '../endpoint.js';
import { readIdempotencyKey } from '../idempotency-key.js';
import type { ClientAddress } from '../request/client-address.js';
import { compileEvident } from '../request/evident.js';
import { parse } from '../request/invalid.js';
import { prefersAsync } from '../request/prefer.js';
import { BODY_BYTES_MAX, hasBody, readJson } from '../request/read-json.js';
import { givenTwice, readQuery } from '../request/read-query.js';
import { requestId } from '../request/request-id.js';
import type { EndpointRequest, Route } from '../route.js';
import type { Exchange, Serve } from './exchange.js';
import { actOf, doRecorded, isAct, recordForbidden, refusedKind } from './recorded-act.js';
import { refuse } from './refuse.js';
import type { RequestLimits, Sender } from './request-limits.js';
import type { RequestMetrics } from './request-metrics.js';
import { endRequestSpan, type HeadSampling, requestSpans, withinSpan } from './request-span.js';
import { sendAnswer } from './send-answer.js';
import { sendNoStream, sendStream } from './send-stream.js';

/** The services that find out who asks, and from where, before a handler runs, and record what operators do. */
export interface RequestServices {
  readonly authenticate: Authenticate;
  readonly clientAddress: ClientAddress;
  readonly audit: AuditTrail;
  readonly requestLimits: RequestLimits;
  /** False if another issuer alone signs users in. */
  readonly localSignIn: boolean;
}

/** What all routes share. */
export interface Serving {
  readonly metrics: RequestMetrics;
  readonly log: Logger;
  readonly isTraced: boolean;
  /** Undefined where an SDK decides that is not ours. */
  readonly sampling: HeadSampling | undefined;
}

const NO_QUERY = z.strictObject({});
const NOTHING_ASKED = {};

/**
 * One function for the whole of a request, from its headers to its answer. Payments are many, and each layer would cost them a
 * promise: this function waits only for what is not there yet.
 */
export function serveRoute<Services extends RequestServices>(
  { endpoint, bind }: Route<Services>,
  services: Services,
  { metrics, log, isTraced, sampling }: Serving,
): Serve {
  const handle = bind(services);
  const { operationId } = endpoint;
  const limits = services.requestLimits.of(endpoint);
  const isOff = !services.localSignIn && isLocalSignIn(endpoint);
  const logsRequests = log.isLevelEnabled('debug');
  const isEvident = endpoint.body && compileEvident(endpoint.body.schema);

  function identify(authorization: string | undefined, clientAddress: string): Principal | Promise<Principal> {
    try {
      const principal = services.authenticate(authorization);
      if (!(principal instanceof Promise)) return principal;
      return principal.catch((error: unknown) => countRefused(error, clientAddress));
    } catch (error) {
      return countRefused(error, clientAddress);
    }
  }

  /** A credential that is refused counts for its network. */
  async function countRefused(error: unknown, clientAddress: string): Promise<never> {
    await limits?.admit({ principal: undefined, clientAddress });
    throw error;
  }

  async function serve(exchange: Exchange, span?: Span): Promise<void> {
    const startedAtMs = performance.now();
    const { incoming, outgoing } = exchange;
    const { headers } = incoming;
    const id = requestId(headers['x-request-id']);
    let status: number;
    let code: string | undefined;
    let reader: Principal | undefined;
    let limitHeaders: RateLimitHeaders | undefined;
    try {
      const clientAddress = services.clientAddress(incoming);
      let principal: Principal | undefined;
      if (endpoint.access !== 'anyone') {
        const identified = identify(headers.authorization, clientAddress);
        principal = identified instanceof Promise ? await identified : identified;
      }
      const sender: Sender = { principal, clientAddress };
      const admitted = limits?.admit(sender);
      limitHeaders = admitted instanceof Promise ? await admitted : admitted;
      if (isOff) throw localSignInOff();
      if (principal !== undefined) {
        const permitted = permit(principal, exchange, { clientAddress, requestId: id });
        principal = permitted instanceof Promise ? await permitted : permitted;
      }
      const request = readRequest(endpoint, exchange, { principal, clientAddress });
      if (endpoint.body !== undefined) {
        const sent = readBody(exchange, endpoint.body);
        const json = sent instanceof Promise ? await sent : sent;
        request.body = isEvident?.(json) === true ? json : parse(endpoint.body.schema, json);
      }
      const { body } = request;
      if (principal !== undefined && isAct(endpoint, principal, body)) {
        const { params } = exchange;
        request.act = actOf(endpoint, { principal, params, body, clientAddress, requestId: id });
      }
      reader = principal;
      if (endpoint.batch !== undefined) limits?.admitMore(sender, sizeOfBatch(endpoint.batch, body) - 1);
      const result = await perform(request as unknown as EndpointRequest);
      status = send(exchange, { result, body, requestId: id, limitHeaders });
    } catch (error) {
      ({ status, code } = refuse(outgoing, error, { requestId: id, log, reader, headers: limitHeaders }));
    }
    const durationMs = performance.now() - startedAtMs;
    metrics.record({ operation: operationId, status, durationMs, code });
    if (logsRequests) log.debug({ requestId: id, operation: operationId, status, durationMs }, 'request');
    if (span !== undefined) endRequestSpan(span, { requestId: id, status, code });
  }

  /** The principal as the handler gets it; a promise only when a refusal is recorded first. */
  function permit(
    principal: Principal,
    { params }: Exchange,
    { clientAddress, requestId }: { readonly clientAddress: string; readonly requestId: string },
  ): Principal | Promise<never> {
    try {
      return authorize(principal, endpoint, clientAddress);
    } catch (error) {
      if (endpoint.scope === undefined) throw error;
      const act = actOf(endpoint, { principal, params, clientAddress, requestId });
      return services.audit.refuse(act, refusedKind(principal)).then(() => {
        throw error;
      });
    }
  }

  function perform(request: EndpointRequest) {
    const { act, principal } = request;
    if (act === undefined || principal === undefined) return handle(request);
    if (endpoint.recordsAct === true) return recordForbidden(services.audit, act, principal, () => handle(request));
    return doRecorded(services.audit, act, principal, () => handle(request));
  }

  /** Sends what the handler returned, and returns the status. */
  function send(
    { incoming, outgoing }: Exchange,
    {
      result,
      body,
      requestId,
      limitHeaders,
    }: {
      readonly result: Answer<unknown> | StreamAnswer;
      readonly body: unknown;
      readonly requestId: string;
      readonly limitHeaders: RateLimitHeaders | undefined;
    },
  ): number {
    if ('stream' in result) {
      const headers = { ...streamHeaders(requestId), ...limitHeaders };
      if (incoming.method === 'HEAD') sendNoStream(result.stream, outgoing, headers);
      else sendStream(result.stream, outgoing, headers);
      return 200;
    }
    for (const err of result.faults ?? []) log.error({ requestId, err }, 'part of a request failed');
    const status = result.status ?? statusOf(endpoint, body);
    const onBroken = (err: unknown) => log.error({ requestId, err }, 'a response broke off');
    sendAnswer(outgoing, { status, requestId, limitHeaders, answer: result, onBroken });
    return status;
  }

  if (!isTraced) return (exchange) => serve(exchange);
  const startSpan = requestSpans(endpoint, sampling);
  return (exchange) => {
    const span = startSpan(exchange.incoming.headers);
    return span === undefined ? serve(exchange) : withinSpan(span, () => serve(exchange, span));
  };
}

function localSignInOff(): ProblemError {
  return new ProblemError('local_sign_in_off', 'users sign in with another issuer: send its access token');
}

/** A batch counts for as many requests as it holds. */
function sizeOfBatch(member: string, body: unknown): number {
  return (body as Readonly<Record<string, readonly unknown[]>>)[member]?.length ?? 1;
}

/** A dry run creates nothing. */
function statusOf({ answer, dryRun }: Endpoint, body: unknown): number {
  return dryRun === true && (body as { dryRun?: boolean } | undefined)?.dryRun === true ? 200 : answer.status;
}

/** Everything but the body, which is read last. */
function readRequest(endpoint: Endpoint, exchange: Exchange, { principal, clientAddress }: Sender) {
  const { incoming, outgoing, params, query } = exchange;
  const { headers } = incoming;
  return {
    principal,
    idempotencyKey:
      endpoint.idempotencyKey === undefined
        ? undefined
        : readIdempotencyKey(onlyHeader(exchange, 'Idempotency-Key'), endpoint.idempotencyKey),
    respondAsync: endpoint.accepted !== undefined && prefersAsync(onlyText(headers.prefer)),
    params: endpoint.params === undefined ? undefined : params,
    query:
      endpoint.query === undefined && query === undefined
        ? NOTHING_ASKED
        : parse(endpoint.query ?? NO_QUERY, readQuery(query ?? '')),
    headers: endpoint.headers === undefined ? undefined : parse(endpoint.headers, headers),
    authorization: headers.authorization,
    userAgent: headers['user-agent'],
    /** A response queued after another one has no connection yet, and a complete one has passed it on. */
    disconnect() {
      if (outgoing.writableFinished === false) incoming.socket.destroy();
    },
    body: undefined as unknown,
    clientAddress,
    act: undefined as Act | undefined,
  };
}

/** Headers that are sent twice arrive as one, their values joined by commas, which a value may hold as well. */
function onlyHeader({ incoming }: Exchange, name: string): string | undefined {
  const value = onlyText(incoming.headers[name.toLowerCase()]);
  if (value?.includes(',') !== true) return value;
  const times = incoming.headersDistinct[name.toLowerCase()]?.length ?? 1;
  if (times > 1) throw givenTwice(name);
  return value;
}

/** Node joins the values of every header but cookies that are set. */
function onlyText(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function readBody(
  { incoming }: Exchange,
  { bytesMax = BODY_BYTES_MAX, optional }: NonNullable<Endpoint['body']>,
): unknown {
  return optional === true && !hasBody(incoming.headers) ? {} : readJson(incoming, bytesMax);
}
