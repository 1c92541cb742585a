import { z } from 'zod';
import { SAMPLERS, type TracingSettings } from './tracing-settings.js';

const RATIO_RULE = 'must be a number from 0 to 1, such as 0.01';

function url(rule: string) {
  return z.string().refine(isHttpUrl, rule).optional();
}

/** OpenTelemetry's own variables that say where spans go. Without an endpoint the others have no effect. */
export const TRACING_VARIABLES = {
  OTEL_EXPORTER_OTLP_ENDPOINT: url(
    'must be a URL such as http://collector:4318, without user, query and fragment',
  ).meta({
    type: 'URL',
    example: 'http://localhost:4318',
    unset: 'tracing is off',
    description: 'Collector that spans are sent to, over HTTP with protobuf; `/v1/traces` is added.',
  }),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: url(
    'must be a URL such as http://collector:4318/v1/traces, without user, query and fragment',
  ).meta({
    type: 'URL',
    example: 'http://localhost:4318/v1/traces',
    unset: 'that of `OTEL_EXPORTER_OTLP_ENDPOINT`',
    description: 'The full URL for spans, for a collector that does not receive them at `/v1/traces`.',
  }),
  OTEL_SERVICE_NAME: z.string().min(1).default('micropay').meta({
    type: 'text',
    description: 'The `service.name` of the spans.',
  }),
  OTEL_TRACES_SAMPLER: z
    .enum(SAMPLERS, `must be one of ${SAMPLERS.join(', ')}`)
    .default('parentbased_always_on')
    .meta({
      description:
        'Which requests are traced. A sampler that begins with `parentbased` follows the decision in the `traceparent` header of a ' +
        'request, and decides itself where there is none.',
    }),
  OTEL_TRACES_SAMPLER_ARG: z
    .string()
    .regex(/^(?:0(?:\.\d+)?|1(?:\.0+)?)$/, { error: RATIO_RULE, abort: true })
    .transform(Number)
    .default(1)
    .meta({
      type: 'number, 0 to 1',
      example: '0.01',
      description: 'The share of traces that a `traceidratio` sampler keeps.',
    }),
};

type TracingVariables = z.output<z.ZodObject<typeof TRACING_VARIABLES>>;

/** Undefined where no collector is named. */
export function toTracingSettings(variables: TracingVariables): TracingSettings | undefined {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: own } = variables;
  const url = own ?? (base && `${base.replace(/\/$/, '')}/v1/traces`);
  if (url === undefined) return undefined;
  return {
    url,
    serviceName: variables.OTEL_SERVICE_NAME,
    sampler: variables.OTEL_TRACES_SAMPLER,
    ratio: variables.OTEL_TRACES_SAMPLER_ARG,
  };
}

/** A secret in a URL would be logged; collectors that want one take it in `OTEL_EXPORTER_OTLP_HEADERS`. */
export function isHttpUrl(text: string): boolean {
  if (!/^https?:\/\/\S+$/i.test(text) || !URL.canParse(text)) return false;
  const { username, password, search, hash } = new URL(text);
  return [username, password, search, hash].every((part) => part === '');
}
