import { type Api, bodyOf } from './api.js';
import { checkIdempotencyKey } from './checks.js';
import { createIdempotencyKey } from './platform.js';
import type { CallOptions } from './transport.js';

/** Options of a call that moves money. */
export interface PostOptions extends CallOptions {
  /**
   * Your name for this one intention, unique for ever, 1 to 255 printable ASCII characters. Made by the client when left out; give one
   * where the intention may outlive this process (an order's number), and the money moves once whatever happens.
   */
  readonly idempotencyKey?: string;
}

/** The headers of a call that moves money: one idempotency key for all its attempts. */
export function startPosting(
  { send }: Pick<Api, 'send'>,
  { idempotencyKey = createIdempotencyKey(), signal }: PostOptions = {},
) {
  checkIdempotencyKey(idempotencyKey);
  return {
    idempotencyKey,
    header: { 'Idempotency-Key': idempotencyKey },
    fetch: send({ signal, idempotencyKey, repeatable: true }),
  };
}

/** Sends a call that moves money, under one idempotency key for all its attempts, and reads the answer. */
export async function postOnce<Json, Result>(
  api: Pick<Api, 'send'>,
  options: PostOptions | undefined,
  post: (call: {
    readonly header: { readonly 'Idempotency-Key': string };
    readonly fetch: (request: Request) => Promise<Response>;
  }) => Promise<{ data?: Json; response: Response }>,
  read: (json: Json, headers: Headers) => Result,
): Promise<Result> {
  const { idempotencyKey, ...call } = startPosting(api, options);
  return bodyOf(post(call), read, idempotencyKey);
}

type Written<Value> = Value extends bigint | Date ? string : Value;

/** The JSON form: an amount in digits, a `Date` as RFC 3339. */
type AsJson<Request> = { [Name in keyof Request]: Written<Request[Name]> };

/** A request as its body, as which `writeBody` writes it. */
export function toJson<Request extends object>(request: Request): AsJson<Request> {
  return request as AsJson<Request>;
}

/** Amounts are written as texts, because a JSON number cannot hold them. */
export function writeBody(body: unknown): string {
  return JSON.stringify(body, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
}

export function isReplayed(headers: Headers): boolean {
  return headers.get('Idempotent-Replayed') === 'true';
}
