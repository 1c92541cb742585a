import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import { type Page, type PageOptions, pageOf, rowsOfPages } from './paging.js';
import { toJson } from './posting.js';
import { withAmounts } from './result.js';
import type { Metadata } from './transfer.js';
import type { CallOptions } from './transport.js';
import type { AsOf, ChangeOptions, FreezeSide } from './wallets.js';

type AccountJson = components['schemas']['Account'];
type AggregateLineJson = components['schemas']['AggregateLine'];
type Sums = 'debits' | 'credits' | 'posted' | 'pendingIn' | 'pendingOut';
type Amounts = 'minimum' | 'maximum' | 'posted' | 'pendingIn' | 'pendingOut' | 'available' | 'version';

/** Any account of the ledger; amounts are whole minor units, positive on the normal side of its type. */
export interface Account extends Readonly<Omit<AccountJson, Amounts>> {
  /** Null for none. */
  readonly minimum: bigint | null;
  /** Null for none. */
  readonly maximum: bigint | null;
  readonly posted: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
  /** The amount that can be spent now; null if the account has no minimum. */
  readonly available: bigint | null;
  /** Counts the changes of the balance. */
  readonly version: bigint;
}

/** Limits of a balance; null for none. A limit that is left out is not changed. */
export interface Limits {
  readonly minimum?: bigint | null;
  readonly maximum?: bigint | null;
}

export interface OpenAccount extends Limits {
  /** Unique readable path in the ledger: `fees:card:usd`. */
  readonly address: string;
  readonly currency: string;
  /** Default `liability`, or `asset` below `world:`. */
  readonly type?: AccountJson['type'];
  readonly metadata?: Metadata;
}

/** Every account of the ledger, by id or address. For operators only. */
export interface Accounts {
  /**
   * If the outcome is unclear (`network_error`, `timeout`), the client does not retry; get the account to find out.
   *
   * @throws {MicroPayError} `account_exists`, `invalid_address`, `unknown_currency`
   */
  open(account: OpenAccount, options?: CallOptions): Promise<Account>;
  /**
   * With `at`, the balance and the pending amounts are as of that time.
   *
   * @throws {MicroPayError} `account_not_found`
   */
  get(reference: string, options?: CallOptions & Partial<AsOf>): Promise<Account>;
  /** Accounts by address, fetched page by page: `for await (const account of …)`. */
  list(options?: AccountPageOptions): AsyncGenerator<Account, void, undefined>;
  listPage(options?: AccountPageOptions): Promise<Page<Account>>;
  /**
   * Sums balances by path, currency and type, in order of path, from one snapshot: `{ path: 'users' }` has a line for
   * each user and currency, and `{ path: 'users', depth: 1 }` one for all users.
   *
   * @throws {MicroPayError} `invalid_address`, `invalid_request`, also for more than 10,000 lines
   */
  aggregate(options?: AggregateOptions): Promise<readonly AggregateLine[]>;
  /** Freezes one side of an account or both: new transfers, holds and captures on that side are refused. */
  freeze(reference: string, options?: ChangeOptions & { readonly side?: FreezeSide }): Promise<Account>;
  unfreeze(reference: string, options?: ChangeOptions): Promise<Account>;
  /**
   * Closes the account permanently; its balance must be zero and nothing may be held.
   *
   * @throws {MicroPayError} `account_not_empty`
   */
  close(reference: string, options?: ChangeOptions): Promise<Account>;
  /** @throws {MicroPayError} `limit_broken` if the current balance, including holds, breaks the new limits */
  setLimits(reference: string, limits: Limits, options?: ChangeOptions): Promise<Account>;
}

export interface AggregateOptions extends CallOptions {
  /** Include only this address and those below it, by whole segments. */
  readonly path?: string;
  /** The number of segments to group by; default: one more than `path` has. */
  readonly depth?: number;
  readonly type?: AccountJson['type'];
}

/** The accounts of one path, currency and type; `posted` is positive on the normal side of the type. */
export interface AggregateLine extends Readonly<Omit<AggregateLineJson, Sums>> {
  readonly debits: bigint;
  readonly credits: bigint;
  readonly posted: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
}

export interface AccountPageOptions extends PageOptions {
  /** Only accounts whose address starts with this text. */
  readonly prefix?: string;
}

export function createAccounts({ routes, send }: Api): Accounts {
  const listPage: Accounts['listPage'] = async ({ signal, ...query } = {}) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.GET('/v1/accounts', { params: { query }, fetch }), pageOf(parseAccount));
  };
  const change = async <Body extends object>(
    action: 'freeze' | 'unfreeze' | 'close' | 'limits',
    id: string,
    { signal, ...body }: CallOptions & Body,
  ) => {
    const fetch = send({ signal, repeatable: true });
    return bodyOf(routes.POST(`/v1/accounts/{id}/${action}`, { params: { path: { id } }, body, fetch }), parseAccount);
  };
  return {
    async open(account, options) {
      const fetch = send({ ...options, repeatable: false });
      return bodyOf(routes.POST('/v1/accounts', { body: toJson(account), fetch }), parseAccount);
    },
    async get(id, { signal, ...query } = {}) {
      const fetch = send({ signal, repeatable: true });
      return bodyOf(routes.GET('/v1/accounts/{id}', { params: { path: { id }, query }, fetch }), parseAccount);
    },
    list: (options = {}) => rowsOfPages(listPage, options),
    listPage,
    async aggregate({ signal, ...query } = {}) {
      const fetch = send({ signal, repeatable: true });
      const answer = routes.GET('/v1/aggregate', { params: { query }, fetch });
      return bodyOf(answer, ({ data }) => data.map(parseLine));
    },
    freeze: (id, options = {}) => change('freeze', id, options),
    unfreeze: (id, options = {}) => change('unfreeze', id, options),
    close: (id, options = {}) => change('close', id, options),
    setLimits: async (id, limits, options) => change('limits', id, { ...options, ...toJson(limits) }),
  };
}

function parseAccount(account: AccountJson): Account {
  return withAmounts(account, 'minimum', 'maximum', 'posted', 'pendingIn', 'pendingOut', 'available', 'version');
}

function parseLine(line: AggregateLineJson): AggregateLine {
  return withAmounts(line, 'debits', 'credits', 'posted', 'pendingIn', 'pendingOut');
}
