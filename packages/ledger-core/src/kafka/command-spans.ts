import { type Span, SpanKind } from '@opentelemetry/api';
import type { SubmitTransferRequest } from '../domain/transfers/transfer-request.js';
import { endSpan, failSpan, startRemoteSpan, traceparentOf } from '../tracing.js';
import type { Decoded } from './command.js';

type Command = Extract<Decoded, { ok: true }>;

/** Takes commands within a span for each whose sender's trace is sampled: its request goes on with that span. */
export async function withSpans(
  topic: string,
  commands: readonly Command[],
  take: (requests: readonly SubmitTransferRequest[]) => Promise<void>,
): Promise<void> {
  const spans: Span[] = [];
  const requests = commands.map(({ request, traceparent }) => {
    const span = traceparent === undefined ? undefined : startCommand(topic, traceparent);
    if (span === undefined) return request;
    spans.push(span);
    return { ...request, traceparent: traceparentOf(span) };
  });
  let failure: Error | undefined;
  try {
    await take(requests);
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    for (const span of spans) {
      endSpan(span, () => {
        if (failure !== undefined) failSpan(span, failure.name);
      });
    }
  }
}

function startCommand(topic: string, traceparent: string): Span | undefined {
  return startRemoteSpan(`process ${topic}`, traceparent, {
    kind: SpanKind.CONSUMER,
    attributes: {
      'messaging.system': 'kafka',
      'messaging.operation.type': 'process',
      'messaging.operation.name': 'process',
      'messaging.destination.name': topic,
    },
  });
}
