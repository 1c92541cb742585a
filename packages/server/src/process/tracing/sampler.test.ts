import { context, propagation, trace } from '@opentelemetry/api';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { InMemorySpanExporter, type Sampler, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { requestSpans } from '../../http/serving/request-span.js';
import { getTransferRoute } from '../../transfers/routes/transfers.js';
import { createRequestContexts } from './request-contexts.js';
import { createSampler, headSamplingOf } from './sampler.js';
import { SAMPLERS, type TracingSettings } from './tracing-settings.js';

const exporter = new InMemorySpanExporter();
/** Tracers keep the first provider that they find, so one serves all tests. */
let sampler: Sampler;

beforeAll(() => {
  const shouldSample: Sampler['shouldSample'] = (...asked) => sampler.shouldSample(...asked);
  const spanProcessors = [new SimpleSpanProcessor({ exporter })];
  trace.setGlobalTracerProvider(new TracerProvider({ sampler: { shouldSample }, spanProcessors }));
  context.setGlobalContextManager(createRequestContexts());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
});
afterEach(() => exporter.reset());
afterAll(() => {
  trace.disable();
  context.disable();
  propagation.disable();
});

const REQUESTS = 4_000;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const SAMPLED = { traceparent: `00-${TRACE}-${PARENT}-01` };
const UNSAMPLED = { traceparent: `00-${TRACE}-${PARENT}-00` };

type Sampling = Pick<TracingSettings, 'sampler' | 'ratio'>;

/** Starts requests of a route as a server with these settings does. */
function starter(sampling: Sampling) {
  sampler = createSampler(sampling);
  return requestSpans(getTransferRoute.endpoint, headSamplingOf(sampling));
}

/** The spans of many requests with these headers. */
function record(sampling: Sampling, headers: Record<string, string>) {
  const start = starter(sampling);
  for (let request = 0; request < REQUESTS; request += 1) start(headers)?.end();
  return exporter.getFinishedSpans();
}

/** The share that each sampler takes of the requests of whoever sends nothing, samples, or does not. */
const TABLE = SAMPLERS.flatMap((sampler) => {
  const own = sampler.endsWith('always_on') ? 1 : sampler.endsWith('always_off') ? 0 : 0.1;
  const follows = sampler.startsWith('parentbased');
  const ofCallers = [
    { sampler, from: 'a caller who samples', headers: SAMPLED, share: follows ? 1 : own },
    { sampler, from: 'a caller who does not', headers: UNSAMPLED, share: follows ? 0 : own },
  ];
  return [
    { sampler, from: 'a caller who says nothing', headers: {}, share: own },
    { sampler, from: 'a caller whose header is none', headers: { traceparent: 'x-00' }, share: own },
    // A ratio takes all spans of one trace, or none.
    ...(sampler === 'traceidratio' ? [] : ofCallers),
  ];
});

describe('requests are sampled', () => {
  it.each(TABLE)('by $sampler, from $from: a share of $share', ({ sampler, headers, share }) => {
    const taken = record({ sampler, ratio: 0.1 }, headers).length / REQUESTS;
    // Ten standard deviations of a tenth.
    expect(Math.abs(taken - share)).toBeLessThanOrEqual(share === 0.1 ? 0.05 : 0);
  });

  it('by the ratio once, and are traces of their own with their attributes', () => {
    const spans = record({ sampler: 'parentbased_traceidratio', ratio: 0.5 }, {});
    expect(Math.abs(spans.length / REQUESTS - 0.5)).toBeLessThan(0.1);
    expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(spans.length);
    expect(spans[0]?.attributes).toEqual({
      'http.request.method': 'GET',
      'http.route': '/v1/transfers/{id}',
      'micropay.operation': 'getTransfer',
    });
  });

  it.each(SAMPLERS)('by %s as whole traces: no span is recorded without the one below it', (sampler) => {
    const start = starter({ sampler, ratio: 0.1 });
    const begun = Array.from({ length: REQUESTS }, () => start({})).filter((span) => span !== undefined);
    for (const span of begun) {
      const child = trace.getTracer('ledger').startSpan('child', {}, trace.setSpan(context.active(), span));
      child.end();
      span.end();
    }
    const parents = exporter.getFinishedSpans().flatMap(({ parentSpanContext }) => parentSpanContext?.spanId ?? []);
    expect(parents).toEqual(begun.map((span) => span.spanContext().spanId));
    if (!sampler.endsWith('always_off')) expect(begun.length).toBeGreaterThan(0);
  });

  it('below a span of the process that is active, whatever the headers say', () => {
    const start = starter({ sampler: 'parentbased_always_off', ratio: 0 });
    const outer = trace.wrapSpanContext({ traceId: TRACE, spanId: PARENT, traceFlags: 1 });
    context.with(trace.setSpan(context.active(), outer), () => start(UNSAMPLED)?.end());
    expect(exporter.getFinishedSpans().map(({ parentSpanContext }) => parentSpanContext?.spanId)).toEqual([PARENT]);
  });
});
