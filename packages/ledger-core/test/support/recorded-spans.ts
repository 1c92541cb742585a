import { context, type Span, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, beforeEach } from 'vitest';

export type RecordedSpan = ReadableSpan;

/** Registers an SDK for the tests of a file, as an application does; its sampler records what the parent's flag says, and roots. */
export function useRecordedSpans() {
  const exporter = new InMemorySpanExporter();
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const contexts = new AsyncLocalStorageContextManager();
  beforeAll(() => {
    trace.setGlobalTracerProvider(provider);
    context.setGlobalContextManager(contexts.enable());
  });
  beforeEach(() => exporter.reset());
  afterAll(() => {
    trace.disable();
    context.disable();
  });

  return {
    all: (): readonly RecordedSpan[] => exporter.getFinishedSpans(),
    named: (name: string): readonly RecordedSpan[] => exporter.getFinishedSpans().filter((span) => span.name === name),
    /** Runs work within a span of the application. */
    within<Result>(work: (span: Span) => Promise<Result>): Promise<Result> {
      return trace.getTracer('application').startActiveSpan('application', async (span) => {
        try {
          return await work(span);
        } finally {
          span.end();
        }
      });
    },
    /** The same within a trace that is not sampled. */
    unsampled<Result>(work: () => Promise<Result>): Promise<Result> {
      const parent = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 0, isRemote: true };
      return context.with(trace.setSpanContext(context.active(), parent), () => this.within(work));
    },
  };
}

/** The header that names a span. */
export function traceparentOf(span: Span | RecordedSpan): string {
  const { traceId, spanId } = span.spanContext();
  return `00-${traceId}-${spanId}-01`;
}
