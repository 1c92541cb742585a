import { type Api, createIdempotencyKey } from './api.js';
import { checkIdempotencyKey, writeAmount } from './checks.js';
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

/** The body of a request that names an amount; `path` is where the amount will be. */
export function toJson<Request extends { readonly amount: bigint }>(
  request: Request,
  path = 'amount',
): Omit<Request, 'amount'> & { amount: string } {
  const { amount, ...rest } = request;
  return { ...rest, amount: writeAmount(amount, path) };
}

/** The same where an amount that is left out means all there is. */
export function partToJson<Request extends { readonly amount?: bigint }>(
  request: Request,
  path = 'amount',
): Omit<Request, 'amount'> & { amount?: string } {
  const { amount, ...rest } = request;
  return amount === undefined ? rest : { ...rest, amount: writeAmount(amount, path) };
}

export function isReplayed(headers: Headers): boolean {
  return headers.get('Idempotent-Replayed') === 'true';
}
