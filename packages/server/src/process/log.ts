import { hostname } from 'node:os';
import { trace } from '@opentelemetry/api';
import { destination, type Logger, pino } from 'pino';

const SECRETS = ['authorization', 'password', 'passwordHash', 'accessToken', 'refreshToken', 'token', 'key', 'email'];
const STANDARD_ERROR = 2;

/**
 * Structured lines on standard error; standard output is for messages to the person at the terminal. Requests are
 * logged at `debug` only, so that a payment does not pay for a line. With several workers, each line has its worker's number.
 * A line that is written within a sampled span names it, so that a trace leads to its lines.
 */
export function createLog(level: string, worker?: number): Logger {
  return pino(
    {
      level,
      ...(worker === undefined ? {} : { base: { pid: process.pid, hostname: hostname(), worker } }),
      redact: { paths: SECRETS.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), censor: '[redacted]' },
      serializers: { err: describeError },
      mixin: activeSpan,
    },
    destination(STANDARD_ERROR),
  );
}

/** A new object for each line: pino adds the line's members to it. */
function activeSpan(): Record<string, string> {
  const span = trace.getActiveSpan();
  if (span === undefined) return {};
  const { traceId, spanId } = span.spanContext();
  return { trace_id: traceId, span_id: spanId };
}

/** Only what is known to hold no personal data: a database error's detail quotes the row. */
function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(code === undefined ? {} : { code }),
    ...(constraint === undefined ? {} : { constraint }),
    ...(error.cause === undefined ? {} : { cause: describeError(error.cause) }),
  };
}
