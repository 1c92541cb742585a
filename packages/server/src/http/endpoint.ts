import type { z } from '@hono/zod-openapi';
import type { ErrorCode } from '../errors/error-codes.js';

/** Who may call: `either` is a user or an operator. */
export type Access = 'anyone' | 'user' | 'operator' | 'either';

export const TAGS = {
  Authentication: 'Registration, sessions and tokens',
  Wallets: 'Balances and history',
  Transfers: 'Payments between wallets, and their reversals',
  Holds: 'Money that is set aside for a payee until it is captured, released or expires',
  Events: 'What happens, as it happens',
  Operation: 'For operators: money in and out, accounts, checks',
  Service: 'Is it there, and what can it do',
} as const;

/** A body or an answer: its schema, and an example that is tested against it. */
export interface Content {
  readonly schema: z.ZodType;
  readonly example: unknown;
}

/** An answer that goes on: the schema of each of its messages. */
export interface EventContent extends Content {
  readonly mediaType: typeof EVENT_STREAM;
  /** The schema of an event's data, which the document has as a component. */
  readonly data: z.ZodType;
}

export const CSV = 'text/csv';
export const EVENT_STREAM = 'text/event-stream';

/** All that is to be said of a route but its handler: routing, checks and the OpenAPI document follow from it. */
export interface Endpoint {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'patch';
  readonly path: string;
  readonly tag: keyof typeof TAGS;
  readonly summary: string;
  readonly description?: string;
  readonly access: Access;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** An optional one may be missing, which is the same as `{}`. */
  readonly body?: Content & { readonly bytesMax?: number; readonly optional?: true };
  readonly headers?: z.ZodObject;
  readonly idempotencyKey?: 'required' | 'optional';
  /** The body has a field `dryRun`: with it the answer is the same, with status 200 as nothing is created. */
  readonly dryRun?: true;
  readonly answer: {
    readonly status: 200 | 201 | 204;
    readonly description: string;
    readonly content?: Content | EventContent;
    /** An example of the file that is the answer, in place of `content`. */
    readonly csv?: string;
  };
  /** The answer to who prefers to have it done later: `Prefer: respond-async`. */
  readonly accepted?: { readonly description: string; readonly content: Content };
  /** Codes of this route, beside those that its access, body and key bring along. */
  readonly refusals: readonly ErrorCode[];
}

/** Every code that a route can answer, each once. */
export function refusalsOf(endpoint: Endpoint): readonly ErrorCode[] {
  const codes: ErrorCode[] = ['invalid_request', 'internal_error', 'database_unavailable', 'database_misconfigured'];
  codes.push(...endpoint.refusals);
  if (endpoint.access !== 'anyone') codes.push('authentication_required', 'token_invalid', 'token_expired');
  if (endpoint.access === 'user' || endpoint.access === 'operator') codes.push('forbidden');
  if (endpoint.body !== undefined) codes.push('malformed_json', 'body_too_large', 'unsupported_media_type');
  if (endpoint.idempotencyKey !== undefined) codes.push('idempotency_key_required', 'idempotency_key_reused');
  return [...new Set(codes)];
}
