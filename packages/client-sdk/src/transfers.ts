import { type Api, bodyOf } from './api.js';
import { checkIdempotencyKey } from './checks.js';
import { type MicroPayError, problemToError } from './errors.js';
import type { components, operations } from './generated/api.js';
import type { CaptureHold, PlaceHold, ReleaseHold } from './holds.js';
import { type Page, type PageOptions, pageOf, rowsOfPages } from './paging.js';
import { createIdempotencyKey } from './platform.js';
import { type PostOptions, postOnce, startPosting, toJson } from './posting.js';
import { result } from './result.js';
import {
  type Metadata,
  type PostedTransfer,
  type PostTransfer,
  parseTransfer,
  posted,
  type Transfer,
  type TransferJson,
} from './transfer.js';
import type { CallOptions } from './transport.js';

type LinkedLegJson = components['schemas']['LinkedLeg'];
type TransferListQuery = NonNullable<operations['listTransfers']['parameters']['query']>;
type BatchResultJson = components['schemas']['BatchResult'];

/** A reversal to make. */
export interface Reversal {
  /** At most the amount that earlier reversals left of the transfer; default: all of it. */
  readonly amount?: bigint;
  /** Stored permanently as the description: at most 255 characters, no personal data. */
  readonly reason?: string;
  readonly metadata?: Metadata;
  /** Your own name of it, to find it by: 1 to 255 characters. Both parties see it; stored permanently: no personal data. */
  readonly reference?: string;
  /**
   * For operators: if the payee has spent the money, lower the minimum of their account to the resulting balance. It stays
   * lowered even after the money is back, until `accounts.setLimits` raises it. `loweredMinimums` of the result, also of a
   * dry run, shows the new minimum.
   */
  readonly allowOverdraft?: boolean;
  /**
   * For operators: the time from which the reversal counts, not before that of the original. Default: the time at which it
   * is recorded, or the effective time of the original if that is later.
   */
  readonly effectiveAt?: Date | string;
  /** Only check the request: the result is the same, but nothing is changed. */
  readonly dryRun?: boolean;
}

/** One leg of a linked group: a payment or, by its `kind`, a hold, a capture, a release or a reversal. */
export type LinkedLeg =
  | (Omit<PostTransfer, 'dryRun'> & { readonly kind?: 'transfer' })
  | (Omit<PlaceHold, 'dryRun'> & { readonly kind: 'hold' })
  | (Omit<CaptureHold, 'dryRun'> & { readonly kind: 'capture'; readonly hold: string })
  | (Omit<ReleaseHold, 'dryRun'> & { readonly kind: 'release'; readonly hold: string })
  | (Omit<Reversal, 'dryRun'> & { readonly kind: 'reversal'; readonly transfer: string });

/** The outcome of one payment of a batch. */
export type BatchResult =
  | { readonly ok: true; readonly transfer: PostedTransfer }
  | { readonly ok: false; readonly error: MicroPayError };

/** Which transfers a list has: those to which everything applies that is said here. */
export interface TransferListOptions extends PageOptions {
  /** Id of a wallet; for operators the id or address of any account. */
  readonly account?: string;
  /** For operators: the path that the address of an account begins with. */
  readonly accountPath?: string;
  /** The account on the other side. */
  readonly counterparty?: string;
  readonly kinds?: readonly Transfer['kind'][];
  readonly currency?: string;
  /** In minor units, included. */
  readonly amountMin?: bigint;
  readonly amountMax?: bigint;
  /** The first instant or day that is included, as a `Date`, in RFC 3339 or as `2026-03-01`. */
  readonly recordedFrom?: Date | string;
  /** The first instant or day that is not included. */
  readonly recordedTo?: Date | string;
  readonly effectiveFrom?: Date | string;
  readonly effectiveTo?: Date | string;
  readonly groupId?: string;
  readonly reference?: string;
  /** The key under which it was posted. */
  readonly idempotencyKey?: string;
  /** For operators: whose key it is. */
  readonly principal?: string;
  /** Words of the description, in any order. */
  readonly words?: string;
  /** Members of the metadata with their values. */
  readonly metadata?: Readonly<Record<string, string | number | boolean>>;
  /** Default `newest` first. */
  readonly order?: 'newest' | 'oldest';
}

export interface Transfers {
  /**
   * Pays from one of the user's wallets. If the outcome is unclear, the client retries with the same key.
   *
   * @throws {MicroPayError} `insufficient_funds`, `account_not_found`, `recipient_not_found`, `account_frozen`,
   *   `currency_mismatch`, `idempotency_key_reused` and others
   */
  post(payment: PostTransfer, options?: PostOptions): Promise<PostedTransfer>;
  /**
   * Posts 1 to 1,000 independent payments in order, and returns a result for each. A payment without its
   * own key gets the call's key plus its index, so that you can repeat the whole call with one key.
   */
  postMany(
    payments: readonly (Omit<PostTransfer, 'effectiveAt'> & Pick<PostOptions, 'idempotencyKey'>)[],
    options?: PostOptions,
  ): Promise<readonly BatchResult[]>;
  /**
   * Posts 1 to 100 legs in order under one key, all or none. A hold has the id of its transfer.
   *
   * @example
   * await client.transfers.postLinked([
   *   { from: wallet, to: seller, amount: 900n, currency: 'USD' },
   *   { kind: 'hold', from: wallet, to: courier, amount: 100n, currency: 'USD' },
   * ]);
   *
   * @throws {MicroPayError} the refusal of the first leg that cannot be posted
   */
  postLinked(
    legs: readonly LinkedLeg[],
    options?: PostOptions & { readonly dryRun?: boolean },
  ): Promise<readonly PostedTransfer[]>;
  /**
   * Reverses a payment, in full or in part; for its payee and operators. Reversals never sum to more
   * than was paid.
   *
   * @throws {MicroPayError} `transfer_not_found`, `forbidden`, `not_reversible`, `effective_before_original`,
   *   `reversal_exceeds_transfer`, `insufficient_funds` if the payee has spent the money, and others
   */
  reverse(id: string, reversal?: Reversal, options?: PostOptions): Promise<PostedTransfer>;
  /**
   * Reverses what is left of each payment of a linked group, by its `groupId`, last one first, all or none. For the user who
   * is the payee of all of them, and for operators. Holds of the group are not changed.
   *
   * @throws {MicroPayError} as `reverse`
   */
  reverseLinked(
    groupId: string,
    reversal?: Omit<Reversal, 'amount'>,
    options?: PostOptions,
  ): Promise<readonly PostedTransfer[]>;
  /** The reversals of a transfer, oldest first, fetched page by page: `for await (const reversal of …)`. */
  reversals(id: string, options?: PageOptions): AsyncGenerator<Transfer, void, undefined>;
  /** @throws {MicroPayError} `transfer_not_found`, also for another user's transfer, `invalid_cursor` */
  reversalsPage(id: string, options?: PageOptions): Promise<Page<Transfer>>;
  /**
   * Finds transfers: a user's own, for operators all. Fetched page by page: `for await (const transfer of client.transfers.list({ reference }))`.
   *
   * @throws {MicroPayError} `account_not_found`, also for another user's wallet, `filter_too_broad`, `invalid_cursor`
   */
  list(options?: TransferListOptions): AsyncGenerator<Transfer, void, undefined>;
  /** A page may have fewer transfers than its limit, or none, and still a next one. */
  listPage(options?: TransferListOptions): Promise<Page<Transfer>>;
  /** @throws {MicroPayError} `transfer_not_found`, also for another user's transfer */
  get(id: string, options?: CallOptions): Promise<Transfer>;
}

export function createTransfers(api: Api): Transfers {
  const { routes, send } = api;
  const reversalsPage: Transfers['reversalsPage'] = async (id, { signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    const params = { path: { id }, query };
    return bodyOf(routes.GET('/v1/transfers/{id}/reversals', { params, fetch }), pageOf(parseTransfer));
  };
  const listPage: Transfers['listPage'] = async ({ signal, metadata, ...filter } = {}) => {
    const fetch = send({ signal, repeatable: true });
    const query = { ...filter, metadata: metadata && JSON.stringify(metadata) } as unknown as TransferListQuery;
    return bodyOf(routes.GET('/v1/transfers', { params: { query }, fetch }), pageOf(parseTransfer));
  };
  return {
    post: async (payment, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) => routes.POST('/v1/transfers', { params: { header }, body: toJson(payment), fetch }),
        (body, headers) => posted(body as TransferJson, headers),
      ),
    async postMany(payments, { idempotencyKey = createIdempotencyKey(), signal } = {}) {
      const transfers = payments.map((payment, index) => {
        const key = payment.idempotencyKey ?? `${idempotencyKey}:${index}`;
        checkIdempotencyKey(key, `transfers.${index}.idempotencyKey`);
        return { ...toJson(payment), idempotencyKey: key };
      });
      const fetch = send({ signal, idempotencyKey, repeatable: true });
      const readResult = (result: BatchResultJson, index: number): BatchResult => {
        if (result.ok) return { ok: true, transfer: replayable(result) };
        const { idempotencyKey } = transfers[index] ?? {};
        return { ok: false, error: problemToError(result.error, { idempotencyKey }) };
      };
      const answer = routes.POST('/v1/transfers/batch', { body: { transfers }, fetch });
      return bodyOf(answer, ({ results }) => results.map(readResult), idempotencyKey);
    },
    async postLinked(legs, { dryRun, ...options } = {}) {
      const { header, fetch, idempotencyKey } = startPosting(api, options);
      const readResult = (result: BatchResultJson): PostedTransfer => {
        if (!result.ok) throw problemToError(result.error, { idempotencyKey });
        return replayable(result);
      };
      // Each leg is its own JSON but for amounts and dates, and a `dryRun` that is undefined is left out.
      const body = { transfers: legs as unknown as LinkedLegJson[], dryRun: dryRun as boolean };
      const answer = routes.POST('/v1/transfers/linked', { params: { header }, body, fetch });
      return bodyOf(answer, ({ results }) => results.map(readResult), idempotencyKey);
    },
    reverse: async (id, reversal = {}, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) =>
          routes.POST('/v1/transfers/{id}/reversals', {
            params: { header, path: { id } },
            body: toJson(reversal),
            fetch,
          }),
        posted,
      ),
    reverseLinked: async (id, reversal: Reversal = {}, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) =>
          routes.POST('/v1/transfers/groups/{id}/reversals', {
            params: { header, path: { id } },
            body: toJson(reversal),
            fetch,
          }),
        ({ data }, headers) => data.map((transfer) => posted(transfer, headers)),
      ),
    reversals: (id, options = {}) => rowsOfPages((page) => reversalsPage(id, page), options),
    reversalsPage,
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    async get(id, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.GET('/v1/transfers/{id}', { params: { path: { id } }, fetch }), parseTransfer);
    },
  };
}

/** A transfer of a batch; the response says for each transfer whether it is a replay. */
function replayable({ transfer, replayed }: Extract<BatchResultJson, { ok: true }>): PostedTransfer {
  return result({ ...parseTransfer(transfer), replayed });
}
