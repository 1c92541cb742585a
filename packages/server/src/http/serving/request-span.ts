import type { IncomingHttpHeaders } from 'node:http';
import {
  type Context,
  context,
  createContextKey,
  ProxyTracerProvider,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { Endpoint } from '../endpoint.js';

const tracer = trace.getTracer('@micropay/server');

/** Whether an SDK is registered in this process. Asked once, so that a server without one does nothing for traces. */
export function isTracingOn(): boolean {
  const provider = trace.getTracerProvider();
  const none = new ProxyTracerProvider().getDelegate();
  return !(provider instanceof ProxyTracerProvider) || provider.getDelegate() !== none;
}

const FROM_HEADERS = {
  get: (headers: IncomingHttpHeaders, name: string) => headers[name],
  keys: (headers: IncomingHttpHeaders) => Object.keys(headers),
};

/** How the SDK of this process samples, so that a request which it would leave out begins no span. */
export interface HeadSampling {
  /** The share of requests without a parent that are recorded, 0 to 1. */
  readonly rootShare: number;
  /** Whether the decision of a caller counts for its request. */
  readonly followsCaller: boolean;
}

const CHOSEN = createContextKey('micropay.chosen');
/** The parent of a root that is to be sampled. */
const CHOSEN_ROOT = ROOT_CONTEXT.setValue(CHOSEN, true);

/** Whether a span is sampled by a decision that was made before it. */
export function isChosen(parent: Context): boolean {
  return parent.getValue(CHOSEN) === true;
}

const UNSAMPLED = /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][02468ace]$/;

/**
 * Starts the spans of a route's requests, by OpenTelemetry's conventions for HTTP servers. The parent of a span is one that an
 * instrumentation of the process has begun for the request, or else the caller's. Undefined for a request that is not sampled:
 * most are not, so they pay for the decision alone, which costs next to nothing where it is known how the SDK samples. Neither path
 * nor query is an attribute: both may name accounts and users.
 */
export function requestSpans(
  { method, path, operationId }: Endpoint,
  sampling?: HeadSampling,
): (headers: IncomingHttpHeaders) => Span | undefined {
  const verb = method.toUpperCase();
  const name = `${verb} ${path}`;
  const options = { kind: SpanKind.SERVER };
  const attributes = { 'http.request.method': verb, 'http.route': path, 'micropay.operation': operationId };

  function start(headers: IncomingHttpHeaders): Span | undefined {
    const parent = parentOf(headers);
    if (parent === undefined) return undefined;
    const span = tracer.startSpan(name, options, parent);
    return span.isRecording() ? span.setAttributes(attributes) : undefined;
  }
  /** Undefined if the request is not sampled, as far as that can be decided here. */
  function parentOf(headers: IncomingHttpHeaders): Context | undefined {
    const active = context.active();
    if (trace.getSpan(active) !== undefined) return active;
    const { traceparent } = headers;
    if (sampling !== undefined) {
      if (traceparent === undefined) return Math.random() < sampling.rootShare ? CHOSEN_ROOT : undefined;
      if (sampling.followsCaller && typeof traceparent === 'string' && UNSAMPLED.test(traceparent)) return undefined;
    }
    return propagation.extract(ROOT_CONTEXT, headers, FROM_HEADERS);
  }
  return (headers) => harmless(() => start(headers));
}

/** Runs work with the span as the active one, which the ledger's spans go below and which log lines name. */
export function withinSpan<Result>(span: Span, work: () => Result): Result {
  return context.with(trace.setSpan(context.active(), span), work);
}

export interface RequestOutcome {
  readonly requestId: string;
  readonly status: number;
  /** The code of the problem, if the request was refused. */
  readonly code: string | undefined;
}

/** A refusal is the caller's affair; only what the server is to blame for makes the span an error. */
export function endRequestSpan(span: Span, { requestId, status, code }: RequestOutcome): void {
  harmless(() => {
    span.setAttributes({ 'http.response.status_code': status, 'micropay.request.id': requestId });
    if (code !== undefined) span.setAttribute(status < 500 ? 'micropay.refusal' : 'error.type', code);
    if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
    span.end();
  });
}

/** A request has been answered, or is to be: it does not fail with an exporter. */
function harmless<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
