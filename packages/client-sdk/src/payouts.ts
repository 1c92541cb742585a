import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, pageOf, rowsOfPages } from './paging.js';
import { isReplayed, type PostOptions, postOnce, toJson } from './posting.js';
import { result, withAmounts } from './result.js';
import type { CallOptions } from './transport.js';

type PayoutJson = components['schemas']['Payout'];

export type PayoutState = components['schemas']['PayoutState'];

/** Money that leaves a wallet for the outside; amounts are whole minor units. */
export interface Payout extends Readonly<Omit<PayoutJson, 'amount'>> {
  readonly amount: bigint;
}

/** A payout after a change; `replayed` is true if an earlier call with the same key made the change. */
export interface ChangedPayout extends Payout {
  readonly replayed: boolean;
}

export interface RequestPayout {
  /** Id of the user's wallet. */
  readonly from: string;
  readonly amount: bigint;
  readonly currency: string;
  /** 1 to 20 names and texts, which mean something to whoever makes the payout. */
  readonly destination: Readonly<Record<string, string>>;
  /** Only check the request: the result is the same, but nothing is changed. */
  readonly dryRun?: boolean;
}

export interface PayoutPageOptions extends PageOptions {
  /** Default: `requested`, the queue. */
  readonly state?: PayoutState;
}

/** Withdrawals that users ask for. If the outcome of a change is unclear, the client retries with the same key. */
export interface Payouts {
  /**
   * Asks for a payout from one of the user's wallets, and sets the money aside.
   *
   * @throws {MicroPayError} as `transfers.post`
   */
  request(payout: RequestPayout, options?: PostOptions): Promise<ChangedPayout>;
  /** The current user's, newest first, fetched page by page: `for await (const payout of …)`. */
  list(options?: PageOptions): AsyncGenerator<Payout, void, undefined>;
  /** @throws {MicroPayError} `invalid_cursor` */
  listPage(options?: PageOptions): Promise<Page<Payout>>;
  /** @throws {MicroPayError} `payout_not_found`, also for another user's payout */
  get(id: string, options?: CallOptions): Promise<Payout>;
  /** Until it is taken up. @throws {MicroPayError} `payout_not_found`, `payout_processing`, `payout_ended` */
  cancel(id: string, options?: PostOptions): Promise<ChangedPayout>;
  /** Operators only: those of all users that are in one state, oldest first, fetched page by page. */
  queue(options?: PayoutPageOptions): AsyncGenerator<Payout, void, undefined>;
  /** @throws {MicroPayError} `invalid_cursor`, `forbidden` */
  queuePage(options?: PayoutPageOptions): Promise<Page<Payout>>;
  /** Operators only: before a payout is made. @throws {MicroPayError} `payout_processing` if it is taken already, `payout_ended` */
  take(id: string, options?: PostOptions): Promise<ChangedPayout>;
  /** Operators only: captures the money. @throws {MicroPayError} `payout_not_taken`, `payout_ended` and others */
  pay(id: string, payment: { readonly reference: string }, options?: PostOptions): Promise<ChangedPayout>;
  /** Operators only: releases the money, and tells the user the reason. @throws {MicroPayError} `payout_ended` and others */
  fail(id: string, failure: { readonly reason: string }, options?: PostOptions): Promise<ChangedPayout>;
}

export function createPayouts(api: Api): Payouts {
  const { routes, send } = api;
  const readPage =
    (path: '/v1/me/payouts' | '/v1/payouts') =>
    async ({ signal, ...query }: PayoutPageOptions = {}) => {
      const fetch = send({ signal, repeatable: true });
      return bodyOf(routes.GET(path, { params: { query }, fetch }), pageOf(parsePayout));
    };
  const listPage: Payouts['listPage'] = readPage('/v1/me/payouts');
  const queuePage: Payouts['queuePage'] = readPage('/v1/payouts');
  const change = async (
    action: 'cancel' | 'take' | 'pay' | 'fail',
    id: string,
    options?: PostOptions,
    body?: object,
  ) => {
    return postOnce(
      api,
      options,
      ({ header, fetch }) =>
        routes.POST(`/v1/payouts/{id}/${action}`, { params: { header, path: { id } }, body, fetch } as never),
      changed,
    );
  };
  return {
    request: async (payout, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) => routes.POST('/v1/payouts', { params: { header }, body: toJson(payout), fetch }),
        changed,
      ),
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    async get(id, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.GET('/v1/payouts/{id}', { params: { path: { id } }, fetch }), parsePayout);
    },
    cancel: (id, options) => change('cancel', id, options),
    queue: (options = {}) => rowsOfPages(queuePage, options),
    queuePage,
    take: (id, options) => change('take', id, options),
    pay: (id, payment, options) => change('pay', id, options, payment),
    fail: (id, failure, options) => change('fail', id, options, failure),
  };
}

function parsePayout(payout: PayoutJson): Payout {
  return withAmounts(payout, 'amount');
}

function changed(payout: PayoutJson, headers: Headers): ChangedPayout {
  return result({ ...parsePayout(payout), replayed: isReplayed(headers) });
}
