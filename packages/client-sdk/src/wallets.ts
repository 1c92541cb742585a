import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, pageOf, rowsOfPages } from './paging.js';
import { withAmounts } from './result.js';
import type { CallOptions } from './transport.js';

type WalletJson = components['schemas']['Wallet'];
type EntryJson = components['schemas']['Entry'];

/** A wallet and its balance; amounts are whole minor units. */
export interface Wallet extends Readonly<Omit<WalletJson, 'balance' | 'pendingIn' | 'pendingOut' | 'available'>> {
  readonly balance: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
  /** The amount that can be spent now. */
  readonly available: bigint;
}

/** One wallet's side of a transfer; amounts are whole minor units. */
export interface Entry
  extends Readonly<Omit<EntryJson, 'amount' | 'balance' | 'pendingIn' | 'pendingOut' | 'version'>> {
  readonly amount: bigint;
  /** The wallet's balance right after the transfer. */
  readonly balance: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
  /** Counts the changes of the wallet's balance, without gaps. */
  readonly version: bigint;
}

/** A point in time for past balances, and the time by which transfers are counted; default `recorded`. */
export interface AsOf {
  /** An instant such as `2026-03-01T09:30:00Z`, or a day such as `2026-03-01`, to its end, in the ledger's time zone. */
  readonly at: string;
  readonly by?: 'recorded' | 'effective';
}

export type FreezeSide = NonNullable<components['schemas']['Freeze']['side']>;

/** Options of an operator's change. */
export interface ChangeOptions extends CallOptions {
  /** The reason, for the event of the change; at most 255 characters. Stored permanently: no personal data. */
  readonly reason?: string;
}

export interface Wallets {
  /**
   * Opens another wallet of the user. If the outcome is unclear (`network_error`, `timeout`), the client does not
   * retry; list the wallets to find out.
   *
   * @throws {MicroPayError} `account_exists`, `unknown_currency`
   */
  create(wallet: { readonly currency: string; readonly name?: string }, options?: CallOptions): Promise<Wallet>;
  /** The user's wallets, fetched page by page: `for await (const wallet of …)`. */
  list(options?: PageOptions): AsyncGenerator<Wallet, void, undefined>;
  listPage(options?: PageOptions): Promise<Page<Wallet>>;
  /**
   * With `at`, the balance and the pending amounts are as of that time.
   *
   * @throws {MicroPayError} `account_not_found`, also for wallets of others
   */
  get(id: string, options?: CallOptions & Partial<AsOf>): Promise<Wallet>;
  /** The entries of a wallet, newest first, fetched page by page: `for await (const entry of …)`. */
  entries(id: string, options?: PageOptions): AsyncGenerator<Entry, void, undefined>;
  /** @throws {MicroPayError} `account_not_found`, `invalid_cursor` */
  entriesPage(id: string, options?: PageOptions): Promise<Page<Entry>>;
  /** Operators only: freezes one side of the wallet or both; new transfers on that side are refused. */
  freeze(id: string, options?: ChangeOptions & { readonly side?: FreezeSide }): Promise<Wallet>;
  /** Operators only. */
  unfreeze(id: string, options?: ChangeOptions): Promise<Wallet>;
}

export function createWallets({ routes, send }: Api): Wallets {
  const listPage: Wallets['listPage'] = async ({ signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/wallets', { params: { query }, fetch }), pageOf(parseWallet));
  };
  const entriesPage: Wallets['entriesPage'] = async (id, { signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    const params = { path: { id }, query };
    return bodyOf(routes.GET('/v1/wallets/{id}/entries', { params, fetch }), pageOf(parseEntry));
  };
  return {
    async create(body, options) {
      const fetch = send({ ...options, repeatable: false });
      return bodyOf(routes.POST('/v1/wallets', { body, fetch }), parseWallet);
    },
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    async get(id, { signal, ...query } = {}) {
      const fetch = send({ signal, repeatable: true });
      return bodyOf(routes.GET('/v1/wallets/{id}', { params: { path: { id }, query }, fetch }), parseWallet);
    },
    entries: (id, options = {}) => rowsOfPages((page) => entriesPage(id, page), options),
    entriesPage,
    async freeze(id, { signal, ...body } = {}) {
      const fetch = send({ signal, repeatable: true });
      const params = { path: { id } };
      return bodyOf(routes.POST('/v1/wallets/{id}/freeze', { params, body, fetch }), parseWallet);
    },
    async unfreeze(id, { signal, ...body } = {}) {
      const fetch = send({ signal, repeatable: true });
      const params = { path: { id } };
      return bodyOf(routes.POST('/v1/wallets/{id}/unfreeze', { params, body, fetch }), parseWallet);
    },
  };
}

export function parseWallet(wallet: WalletJson): Wallet {
  return withAmounts(wallet, 'balance', 'pendingIn', 'pendingOut', 'available');
}

export function parseEntry(entry: EntryJson): Entry {
  return withAmounts(entry, 'amount', 'balance', 'pendingIn', 'pendingOut', 'version');
}
