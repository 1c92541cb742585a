import protobuf from 'protobufjs';

/** A span as it was sent, ids in hexadecimal. */
export interface OtlpSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly isError: boolean;
}

/** The parts of opentelemetry/proto/collector/trace/v1 and what it imports that tests look at, with their field numbers. */
const PROTO = `syntax = "proto3";
message ExportTraceServiceRequest { repeated ResourceSpans resource_spans = 1; }
message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
message Resource { repeated KeyValue attributes = 1; }
message ScopeSpans { repeated Span spans = 2; }
message Span {
  enum SpanKind { UNSPECIFIED = 0; INTERNAL = 1; SERVER = 2; CLIENT = 3; PRODUCER = 4; CONSUMER = 5; }
  bytes trace_id = 1; bytes span_id = 2; bytes parent_span_id = 4;
  string name = 5; SpanKind kind = 6;
  repeated KeyValue attributes = 9; repeated Link links = 13; Status status = 15;
}
message Link { bytes trace_id = 1; bytes span_id = 2; }
message Status { int32 code = 3; }
message KeyValue { string key = 1; AnyValue value = 2; }
message AnyValue {
  oneof value {
    string string_value = 1; bool bool_value = 2; int64 int_value = 3; double double_value = 4; ArrayValue array_value = 5;
  }
}
message ArrayValue { repeated AnyValue values = 1; }`;

const STATUS_ERROR = 2;
const Request = protobuf.parse(PROTO).root.lookupType('ExportTraceServiceRequest');

type Bytes = string;
interface AnyValue {
  readonly value?: string;
  readonly [field: string]: unknown;
}
interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}
interface Decoded {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly DecodedSpan[] }[];
  }[];
}
interface DecodedSpan {
  readonly traceId: Bytes;
  readonly spanId: Bytes;
  readonly parentSpanId: Bytes;
  readonly name: string;
  readonly kind: string;
  readonly attributes: readonly KeyValue[];
  readonly links: readonly { readonly traceId: Bytes; readonly spanId: Bytes }[];
  readonly status: { readonly code: number } | null;
}

/** Reads the body of a request to a collector. */
export function readSpans(body: Uint8Array): readonly OtlpSpan[] {
  const options = { longs: String, enums: String, bytes: String, defaults: true, arrays: true, oneofs: true };
  const { resourceSpans } = Request.toObject(Request.decode(body), options) as Decoded;
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(toAttributes(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) => spans.map((span) => toSpan(service, span)));
  });
}

function toSpan(service: string, span: DecodedSpan): OtlpSpan {
  return {
    service,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    name: span.name,
    kind: span.kind,
    attributes: toAttributes(span.attributes),
    links: span.links.map(({ traceId, spanId }) => ({ traceId: hex(traceId), spanId: hex(spanId) })),
    isError: span.status?.code === STATUS_ERROR,
  };
}

function hex(base64: Bytes): string {
  return Buffer.from(base64, 'base64').toString('hex');
}

function toAttributes(pairs: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, toValue(value)]));
}

function toValue(any: AnyValue): unknown {
  const value = any[any.value ?? ''];
  if (any.value === 'intValue') return Number(value);
  if (any.value === 'arrayValue') return (value as { readonly values: readonly AnyValue[] }).values.map(toValue);
  return value;
}
