import { type Api, bodyOf, createIdempotencyKey } from './api.js';
import { checkIdempotencyKey, writeAmount } from './checks.js';
import { type MicroPayError, problemToError } from './errors.js';
import type { components } from './generated/api.js';
import type { CallOptions } from './transport.js';

type TransferJson = components['schemas']['Transfer'];
type BatchResultJson = components['schemas']['BatchResult'];

/** A JSON object of yours, at most 8 KiB. Kept for ever: no personal data. */
export type Metadata = Readonly<Record<string, unknown>>;

/** One immutable movement of money; amounts are whole minor units. */
export interface Transfer extends Readonly<Omit<TransferJson, 'amount' | 'fromBalance' | 'toBalance'>> {
  readonly amount: bigint;
  /** The balance of `from` right after it; null when that wallet is not yours. */
  readonly fromBalance: bigint | null;
  /** The balance of `to` right after it; null when that wallet is not yours. */
  readonly toBalance: bigint | null;
}

/** The answer to a call that moves money; `replayed` when an earlier call with its key had moved it. */
export interface PostedTransfer extends Transfer {
  readonly replayed: boolean;
}

/** What is to move. */
export interface Payment {
  /** Id of one of the user's wallets. */
  readonly from: string;
  /** Id of a wallet, or another user's email: their wallet named as the currency receives the money. */
  readonly to: string;
  /** Whole minor units, above zero: `1250n` is 12.50 USD. */
  readonly amount: bigint;
  readonly currency: string;
  /** Kept for ever: no personal data. */
  readonly description?: string;
  readonly metadata?: Metadata;
}

/** How a call that moves money is named. */
export interface PostOptions extends CallOptions {
  /**
   * Your name for this one intention, unique for ever, 1 to 255 printable ASCII characters. Made by the client when left out; give one
   * where the intention may outlive this process (an order's number), and the money moves once whatever happens.
   */
  readonly idempotencyKey?: string;
}

/** The outcome of one payment of a batch. */
export type BatchResult =
  | { readonly ok: true; readonly transfer: PostedTransfer }
  | { readonly ok: false; readonly error: MicroPayError };

export interface Transfers {
  /**
   * Pays from one of the user's wallets. Tries again where the outcome is unclear, under the same key.
   *
   * @throws {MicroPayError} `insufficient_funds`, `account_not_found`, `recipient_not_found`, `account_frozen`,
   *   `currency_mismatch`, `idempotency_key_reused` and others
   */
  create(payment: Payment, options?: PostOptions): Promise<PostedTransfer>;
  /**
   * Pays 1 to 1,000 times, in order, each on its own: the answer has a result for each. A payment without a key of its
   * own gets the call's key with its place in the array, so that the whole call can be repeated with the key alone.
   */
  batch(
    payments: readonly (Payment & Pick<PostOptions, 'idempotencyKey'>)[],
    options?: PostOptions,
  ): Promise<readonly BatchResult[]>;
  /**
   * Pays 1 to 100 times, all or none, in order, under one key.
   *
   * @throws {MicroPayError} the refusal of the first that cannot be paid
   */
  linked(payments: readonly Payment[], options?: PostOptions): Promise<readonly PostedTransfer[]>;
  /** @throws {MicroPayError} `transfer_not_found`, also for those of others */
  get(id: string, options?: CallOptions): Promise<Transfer>;
}

export function createTransfers({ routes, send }: Api): Transfers {
  return {
    async create(payment, { idempotencyKey = createIdempotencyKey(), signal } = {}) {
      checkIdempotencyKey(idempotencyKey);
      const fetch = send({ signal, idempotencyKey, repeatable: true });
      const params = { header: { 'Idempotency-Key': idempotencyKey } };
      const answer = routes.POST('/v1/transfers', { params, body: toJson(payment), fetch });
      return bodyOf(answer, posted, idempotencyKey);
    },
    async batch(payments, { idempotencyKey = createIdempotencyKey(), signal } = {}) {
      const transfers = payments.map((payment, index) => {
        const key = payment.idempotencyKey ?? `${idempotencyKey}:${index}`;
        checkIdempotencyKey(key, `transfers.${index}.idempotencyKey`);
        return { ...toJson(payment, `transfers.${index}.amount`), idempotencyKey: key };
      });
      const fetch = send({ signal, idempotencyKey, repeatable: true });
      const readResult = (result: BatchResultJson, index: number): BatchResult => {
        if (result.ok) return { ok: true, transfer: { ...parseTransfer(result.transfer), replayed: result.replayed } };
        const { idempotencyKey } = transfers[index] ?? {};
        return { ok: false, error: problemToError(result.error, { idempotencyKey }) };
      };
      const answer = routes.POST('/v1/transfers/batch', { body: { transfers }, fetch });
      return bodyOf(answer, ({ results }) => results.map(readResult), idempotencyKey);
    },
    async linked(payments, { idempotencyKey = createIdempotencyKey(), signal } = {}) {
      checkIdempotencyKey(idempotencyKey);
      const fetch = send({ signal, idempotencyKey, repeatable: true });
      const params = { header: { 'Idempotency-Key': idempotencyKey } };
      const transfers = payments.map((payment, index) => toJson(payment, `transfers.${index}.amount`));
      const readResult = (result: BatchResultJson): PostedTransfer => {
        if (!result.ok) throw problemToError(result.error, { idempotencyKey });
        return { ...parseTransfer(result.transfer), replayed: result.replayed };
      };
      const answer = routes.POST('/v1/transfers/batch', { params, body: { transfers, linked: true }, fetch });
      return bodyOf(answer, ({ results }) => results.map(readResult), idempotencyKey);
    },
    async get(id, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.GET('/v1/transfers/{id}', { params: { path: { id } }, fetch }), parseTransfer);
    },
  };
}

/** The body of a payment; `path` is where its amount will be. */
export function toJson<Request extends { readonly amount: bigint }>(
  request: Request,
  path = 'amount',
): Omit<Request, 'amount'> & { amount: string } {
  const { amount, ...rest } = request;
  return { ...rest, amount: writeAmount(amount, path) };
}

/** A posted transfer out of an answer. */
export function posted(transfer: TransferJson, headers: Headers): PostedTransfer {
  return { ...parseTransfer(transfer), replayed: headers.get('Idempotent-Replayed') === 'true' };
}

function parseTransfer(transfer: TransferJson): Transfer {
  const { amount, fromBalance, toBalance } = transfer;
  return {
    ...transfer,
    amount: BigInt(amount),
    fromBalance: fromBalance === null ? null : BigInt(fromBalance),
    toBalance: toBalance === null ? null : BigInt(toBalance),
  };
}
