/** The samplers that OpenTelemetry defines for every language. */
export const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;

/** Where spans go, and which are recorded. */
export interface TracingSettings {
  /** The URL that spans are posted to, as OTLP in protobuf: `http://collector:4318/v1/traces`. */
  readonly url: string;
  readonly serviceName: string;
  readonly sampler: (typeof SAMPLERS)[number];
  /** The share of traces that are sampled, 0 to 1, by a sampler of ratios. */
  readonly ratio: number;
}
