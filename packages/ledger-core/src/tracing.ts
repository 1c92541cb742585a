import {
  type Attributes,
  context,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  type SpanOptions,
  SpanStatusCode,
  TraceFlags,
  trace,
} from '@opentelemetry/api';
import type { Outcome } from './domain/decision/decide.js';
import type { Leg } from './domain/transfers/leg.js';
import { LedgerError } from './errors.js';

/** Finds the SDK that the application registers, whenever it does; without one nothing here costs more than a look. */
const tracer = trace.getTracer('@micropay/ledger-core');

let isWarned = false;

/** The application's SDK, its sampler or its processors may throw. What was committed is not to fail with them. */
export function harmless<Result>(work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (!isWarned) process.emitWarning(`a trace is incomplete, because OpenTelemetry's SDK threw: ${error}`);
    isWarned = true;
    return undefined;
  }
}

/** The active span, if it is recorded and will be exported. Others leave nothing behind: no span, no link, no column. */
function activeSpan(): Span | undefined {
  return ifSampled(trace.getActiveSpan());
}

function ifSampled(span: Span | undefined): Span | undefined {
  return span?.isRecording() && isSampled(span.spanContext()) ? span : undefined;
}

function isSampled({ traceFlags }: SpanContext): boolean {
  return (traceFlags & TraceFlags.SAMPLED) !== 0;
}

/** A span as W3C Trace Context writes it. Without `tracestate`, which callers may fill with any text: rows last for ever. */
export function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext();
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** The `traceparent` of the active span; null when there is none or it is not sampled. */
export function activeTraceparent(): string | null {
  const span = activeSpan();
  return span === undefined ? null : traceparentOf(span);
}

/** A `traceparent` as it is stored, in our version of the format; null if it is not sampled. */
export function sampledTraceparent(traceparent: string): string | null {
  const parent = readTraceparent(traceparent);
  return isSampled(parent) ? traceparentOf(trace.wrapSpanContext(parent)) : null;
}

/** Reads a text that `isTraceparent` takes. */
function readTraceparent(traceparent: string): SpanContext {
  const [, traceId = '', spanId = '', flags = ''] = traceparent.split('-');
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

/** A span whose parent is in another process, or in an earlier transaction. Undefined if that is not sampled or tracing is off. */
export function startRemoteSpan(name: string, traceparent: string, options: SpanOptions): Span | undefined {
  const parent = readTraceparent(traceparent);
  if (!isSampled(parent)) return undefined;
  return harmless(() => ifSampled(tracer.startSpan(name, options, trace.setSpanContext(ROOT_CONTEXT, parent))));
}

/**
 * A span for one request to the ledger, from its check to its outcome. Its parent is the active span, or `traceparent`; null for
 * a request that is on behalf of nobody.
 */
export function startPost(legs: readonly Leg[], traceparent: string | null | undefined): Span | undefined {
  if (traceparent === null) return undefined;
  if (traceparent !== undefined) {
    return startRemoteSpan('micropay.post', traceparent, { kind: SpanKind.CONSUMER, attributes: attributesOf(legs) });
  }
  return harmless(
    () => activeSpan() && tracer.startSpan('micropay.post', { attributes: attributesOf(legs) }, context.active()),
  );
}

function attributesOf(legs: readonly Leg[]): Attributes {
  return { 'micropay.kind': legs[0]?.kind ?? 'transfer', 'micropay.legs': legs.length };
}

export function startChild(parent: Span, name: string, options: SpanOptions): Span | undefined {
  return harmless(() => tracer.startSpan(name, options, trace.setSpan(ROOT_CONTEXT, parent)));
}

/** Ends the span of a request. A refusal is an answer; only a fault makes the span an error. */
export function endPost({ span }: { readonly span: Span | undefined }, outcome: Outcome | Error): void {
  if (span === undefined) return;
  endSpan(span, () => {
    if (outcome instanceof LedgerError) {
      span.setAttribute('micropay.refusal', outcome.code);
    } else if (outcome instanceof Error) {
      failSpan(span, outcome.name);
    } else {
      const [transfer] = outcome;
      if (transfer !== undefined) {
        span.setAttributes({ 'micropay.transfer.id': transfer.id, 'micropay.replayed': transfer.replayed });
      }
    }
  });
}

/** Ends a span after its last attributes. */
export function endSpan(span: Span, describe: () => void): void {
  harmless(() => {
    describe();
    span.end();
  });
}

/** Texts of errors stay out: a database may quote a row. */
export function failSpan(span: Span, type: string): void {
  span.setAttribute('error.type', type);
  span.setStatus({ code: SpanStatusCode.ERROR });
}
