import { context, propagation, trace } from '@opentelemetry/api';
import { ExportResultCode, W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type SpanExporter, TracerProvider } from '@opentelemetry/sdk-trace';
import type { Logger } from 'pino';
import type { HeadSampling } from '../../http/serving/request-span.js';
import { withDeadline } from '../../throttling/deadline.js';
import { createRequestContexts } from './request-contexts.js';
import { createSampler, headSamplingOf } from './sampler.js';
import type { TracingSettings } from './tracing-settings.js';

export interface Tracing {
  /** How requests are sampled; undefined if that is not decided here. */
  readonly sampling: HeadSampling | undefined;
  /** Sends what has been recorded, for half a second at most. */
  close(): Promise<void>;
}

/** A collector that is away for an hour is worth a line a minute. */
const REPORT_EVERY_MS = 60_000;
/** What could not be sent in this time when the server closes is lost. */
const FLUSH_TIMEOUT_MS = 500;

/** Registers OpenTelemetry's SDK in this process. An SDK that the application has registered before keeps its place. */
export function registerOpenTelemetry({ url, serviceName, ...sampling }: TracingSettings, log: Logger): Tracing {
  const exporter = reportFailures(new OTLPTraceExporter({ url }), log);
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(detectResources({ detectors: [envDetector, serviceInstanceIdDetector] }))
      .merge(resourceFromAttributes({ 'service.name': serviceName })),
    sampler: createSampler(sampling),
    spanProcessors: [new BatchSpanProcessor({ exporter })],
  });
  const isOurs = trace.setGlobalTracerProvider(provider);
  if (isOurs) {
    context.setGlobalContextManager(createRequestContexts());
    propagation.setGlobalPropagator(new W3CTraceContextPropagator());
    log.info({ url, ...sampling }, 'spans are sent to a collector');
  } else {
    log.warn('the application has registered OpenTelemetry already: spans go where that sends them');
  }
  return {
    sampling: isOurs ? headSamplingOf(sampling) : undefined,
    async close() {
      if (isOurs) {
        trace.disable();
        context.disable();
        propagation.disable();
      }
      await withDeadline(FLUSH_TIMEOUT_MS, provider.shutdown(), () => new Error('too late')).catch(() => undefined);
    },
  };
}

/** The SDK drops spans that cannot be sent, and is silent about it. */
function reportFailures(exporter: SpanExporter, log: Logger): SpanExporter {
  let reportedAtMs = Number.NEGATIVE_INFINITY;
  return {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const nowMs = performance.now();
        if (result.code === ExportResultCode.FAILED && nowMs - reportedAtMs >= REPORT_EVERY_MS) {
          reportedAtMs = nowMs;
          log.warn({ spans: spans.length, reason: result.error?.message }, 'spans could not be sent, and are lost');
        }
        done(result);
      });
    },
    forceFlush: async () => exporter.forceFlush?.(),
    shutdown: () => exporter.shutdown(),
  };
}
