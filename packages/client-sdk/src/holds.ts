import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, pageOf, rowsOfPages } from './paging.js';
import { isReplayed, type PostOptions, postOnce, toJson } from './posting.js';
import { result, withAmounts } from './result.js';
import { type Metadata, type PostedTransfer, type PostTransfer, posted } from './transfer.js';
import type { CallOptions } from './transport.js';

type HoldJson = components['schemas']['Hold'];

/** Money set aside for a payee; amounts are whole minor units. */
export interface Hold extends Readonly<Omit<HoldJson, 'amount' | 'captured' | 'remaining'>> {
  /** The amount held at first. */
  readonly amount: bigint;
  /** The amount captured so far. */
  readonly captured: bigint;
  /** The amount still held; 0 once the hold is no longer open. */
  readonly remaining: bigint;
}

/** A hold as placed; `replayed` is true if an earlier call with the same key placed it. */
export interface PlacedHold extends Hold {
  readonly replayed: boolean;
}

/** The amount to set aside, the payer and the payee. */
export interface PlaceHold extends Omit<PostTransfer, 'effectiveAt'> {
  /** The time at which the hold expires, as a `Date` or in RFC 3339; default: never. */
  readonly expiresAt?: Date | string;
}

/** Releases what is still held. */
export interface ReleaseHold {
  /** Stored permanently: no personal data. */
  readonly description?: string;
  readonly metadata?: Metadata;
  /** Your own name of it, to find it by: 1 to 255 characters. Both parties see it; stored permanently: no personal data. */
  readonly reference?: string;
  /** Only check the request: the result is the same, but nothing is changed. */
  readonly dryRun?: boolean;
}

/** Captures a hold, in full or in part. */
export interface CaptureHold extends ReleaseHold {
  /** At most what is still held; default: all of it. */
  readonly amount?: bigint;
  /** Release the rest of the hold. */
  readonly final?: boolean;
  /** For operators: the time from which the capture counts, not before the hold was placed. Default: the time at which it is recorded. */
  readonly effectiveAt?: Date | string;
}

export interface HoldPageOptions extends PageOptions {
  /** Open holds only. */
  readonly open?: boolean;
}

export interface Holds {
  /**
   * Places a hold on one of the user's wallets; operators place one on any account. If the outcome is unclear, the client retries with the same key.
   *
   * @throws {MicroPayError} as `transfers.post`, and `expiry_in_past`
   */
  place(hold: PlaceHold, options?: PostOptions): Promise<PlacedHold>;
  /**
   * Captures a hold; for the payee and operators. May be called several times until nothing is left.
   *
   * @throws {MicroPayError} `hold_not_found`, `hold_closed`, `capture_exceeds_hold`, `account_frozen`, `forbidden` and others
   */
  capture(id: string, capture?: CaptureHold, options?: PostOptions): Promise<PostedTransfer>;
  /**
   * Releases what is still held; for the payee and operators.
   *
   * @throws {MicroPayError} `hold_not_found`, `hold_closed`, `forbidden` and others
   */
  release(id: string, release?: ReleaseHold, options?: PostOptions): Promise<PostedTransfer>;
  /** @throws {MicroPayError} `hold_not_found`, also for another user's hold */
  get(id: string, options?: CallOptions): Promise<Hold>;
  /** The holds from and for a wallet, newest first, fetched page by page: `for await (const hold of …)`. */
  list(wallet: string, options?: HoldPageOptions): AsyncGenerator<Hold, void, undefined>;
  /** @throws {MicroPayError} `account_not_found`, `invalid_cursor` */
  listPage(wallet: string, options?: HoldPageOptions): Promise<Page<Hold>>;
}

export function createHolds(api: Api): Holds {
  const { routes, send } = api;
  const listPage: Holds['listPage'] = async (id, { signal, open, ...page } = {}) => {
    const fetch = send({ signal, repeatable: true });
    const query = { ...page, ...(open === true ? { open: 'true' as const } : {}) };
    const params = { path: { id }, query };
    return bodyOf(routes.GET('/v1/wallets/{id}/holds', { params, fetch }), pageOf(parseHold));
  };
  return {
    place: async (hold, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) => routes.POST('/v1/holds', { params: { header }, body: toJson(hold), fetch }),
        (placed, headers) => result({ ...parseHold(placed), replayed: isReplayed(headers) }),
      ),
    capture: async (id, capture = {}, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) =>
          routes.POST('/v1/holds/{id}/capture', { params: { header, path: { id } }, body: toJson(capture), fetch }),
        posted,
      ),
    release: async (id, release = {}, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) =>
          routes.POST('/v1/holds/{id}/release', { params: { header, path: { id } }, body: release, fetch }),
        posted,
      ),
    async get(id, options) {
      const fetch = send({ ...options, repeatable: true });
      return bodyOf(routes.GET('/v1/holds/{id}', { params: { path: { id } }, fetch }), parseHold);
    },
    list: (wallet, options = {}) => rowsOfPages((page) => listPage(wallet, page), options),
    listPage,
  };
}

function parseHold(hold: HoldJson): Hold {
  return withAmounts(hold, 'amount', 'captured', 'remaining');
}
