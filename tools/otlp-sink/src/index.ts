import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type OtlpSpan, readSpans } from './otlp.js';

export type { OtlpSpan } from './otlp.js';

export interface OtlpSink {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly url: string;
  /** All spans that have come so far, in order. */
  spans(): readonly OtlpSpan[];
  close(): Promise<void>;
}

/**
 * A collector that keeps what it is sent. It takes protobuf at `/v1/traces` alone, and fails the sender otherwise.
 *
 * @param status its answer to spans; those that it refuses are not kept
 */
export async function startOtlpSink({ status = 200 } = {}): Promise<OtlpSink> {
  const spans: OtlpSpan[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const isOtlp = request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
    if (isOtlp && status === 200) spans.push(...readSpans(Buffer.concat(chunks)));
    response.writeHead(isOtlp ? status : 400, { 'content-type': 'application/x-protobuf' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => spans,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
