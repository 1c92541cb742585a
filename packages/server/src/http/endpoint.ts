import type { z } from '@hono/zod-openapi';
import type { ErrorCode } from '../errors/error-codes.js';
import type { Scope } from '../identity/scope.js';

/**
 * Who may call a route: `either` is a user or an operator, `staff` an operator or support. A route for operators names the scope
 * that their key needs; on those that its role has, support has the reach of an operator.
 */
export type Permission =
  | { readonly access: 'anyone' | 'user'; readonly scope?: undefined }
  | { readonly access: 'operator' | 'staff' | 'either'; readonly scope: Scope };

export const TAGS = {
  Authentication: 'Registration, sessions and tokens',
  Wallets: 'Balances and history',
  Transfers: 'Payments between wallets, and their reversals',
  Holds: 'Money set aside for a payee until it is captured, released or expires',
  Payouts: 'Money that leaves a wallet for the outside: asked for by users, made by operators and their providers',
  Notifications: 'Notifications of a user, in an inbox and by mail',
  Events: 'Live events of wallets and transfers',
  Webhooks: 'Events sent to your URLs, for operators only',
  'API keys': 'Keys of operators and services, for operators only',
  Operators: 'Deposits and withdrawals, accounts, the trial balance and verification; for operators only',
  Service: 'Health checks, public keys and the settings of the ledger',
} as const;

/** The schema of a request or response body, and an example that the tests check against it. */
export interface Content {
  readonly schema: z.ZodType;
  readonly example: unknown;
}

/** A response that is a stream: the schema describes each of its messages. */
export interface EventContent extends Content {
  readonly mediaType: typeof EVENT_STREAM;
  /** The schema of an event's data, which the document has as a component. */
  readonly data: z.ZodType;
}

export const EVENT_STREAM = 'text/event-stream';

/** The declaration of a route without its handler. Routing, request checks and the OpenAPI document are derived from it. */
export type Endpoint = Permission & EndpointParts;

interface EndpointParts {
  readonly operationId: string;
  readonly method: 'get' | 'post' | 'patch' | 'delete';
  readonly path: string;
  readonly tag: keyof typeof TAGS;
  readonly summary: string;
  readonly description?: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  /** An optional one may be missing, which is the same as `{}`. */
  readonly body?: Content & { readonly bytesMax?: number; readonly optional?: true };
  readonly headers?: z.ZodObject;
  readonly idempotencyKey?: 'required' | 'optional';
  /** The member of the body that is a list of requests, each of which counts in rate limits. */
  readonly batch?: string;
  /** The body has a field `dryRun`: with it the response is the same, but with status 200 because nothing is created. */
  readonly dryRun?: true;
  /** The member of the body that says what the request acts on, for the audit log; default: the `id` or `code` of the path. */
  readonly subject?: string;
  /** The handler records the act in its own database transaction. Other acts of operators are recorded before they begin. */
  readonly recordsAct?: true;
  readonly answer: {
    readonly status: 200 | 201 | 202 | 204;
    readonly description: string;
    readonly content?: Content | EventContent;
    /** The media types of a file, in place of `content`, with an example of those that are texts. */
    readonly files?: Readonly<Record<string, string | undefined>>;
  };
  /** The 202 response to a request with `Prefer: respond-async`. */
  readonly accepted?: { readonly description: string; readonly content: Content };
  /** Error codes of this route, in addition to those that follow from its access, body and idempotency key. */
  readonly refusals: readonly ErrorCode[];
}

/** Probes and public keys are for machines that come again and again: nothing limits them. */
export function isProbe({ tag, access }: Endpoint): boolean {
  return tag === 'Service' && access === 'anyone';
}

/** Whether a route is a part of signing in with a password, which another issuer can replace. */
export function isLocalSignIn({ path }: Pick<Endpoint, 'path'>): boolean {
  return path.startsWith('/v1/auth/');
}

/** Every error code that a route can return, each once. */
export function refusalsOf(endpoint: Endpoint): readonly ErrorCode[] {
  const codes: ErrorCode[] = ['invalid_request', 'internal_error', 'database_unavailable', 'database_misconfigured'];
  codes.push(...endpoint.refusals);
  if (!isProbe(endpoint)) codes.push('rate_limited');
  if (endpoint.access !== 'anyone')
    codes.push('authentication_required', 'token_invalid', 'token_expired', 'forbidden', 'issuer_unavailable');
  if (isLocalSignIn(endpoint)) codes.push('local_sign_in_off');
  if (endpoint.body !== undefined) codes.push('malformed_json', 'body_too_large', 'unsupported_media_type');
  if (endpoint.idempotencyKey !== undefined) codes.push('idempotency_key_required', 'idempotency_key_reused');
  return [...new Set(codes)];
}
