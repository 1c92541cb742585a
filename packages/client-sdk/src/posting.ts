import type { Api } from './api.js';
import { checkIdempotencyKey, writeAmount } from './checks.js';
import { createIdempotencyKey } from './platform.js';
import type { CallOptions } from './transport.js';

/** How a call that moves money is named. */
export interface PostOptions extends CallOptions {
  /**
   * Your name for this one intention, unique for ever, 1 to 255 printable ASCII characters. Made by the client when left out; give one
   * where the intention may outlive this process (an order's number), and the money moves once whatever happens.
   */
  readonly idempotencyKey?: string;
}

/** What a call that moves money sends along: one key for all its tries. */
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

type Written<Value> = Value extends bigint | Date ? string : Value;

/** As JSON writes it down: a `Date` as RFC 3339, and one that is no instant as null, which the server refuses. */
type AsJson<Request> = { [Name in keyof Request]: Written<Request[Name]> };

/** The body of a request that names an amount; `path` is where the amount will be. */
export function toJson<Request extends { readonly amount: bigint }>(request: Request, path = 'amount') {
  return { ...request, amount: writeAmount(request.amount, path) } as AsJson<Request>;
}

/** The same where an amount that is left out means all there is. */
export function partToJson<Request extends { readonly amount?: bigint }>(request: Request, path = 'amount') {
  const { amount } = request;
  return (amount === undefined ? request : { ...request, amount: writeAmount(amount, path) }) as AsJson<Request>;
}

export function isReplayed(headers: Headers): boolean {
  return headers.get('Idempotent-Replayed') === 'true';
}
