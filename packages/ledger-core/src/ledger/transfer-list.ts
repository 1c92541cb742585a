import type { AccountId, AccountIdentity } from '../domain/accounts/account.js';
import { type Members, object, optional } from '../domain/input/arguments.js';
import { type CheckedMoment, startOfDay } from '../domain/input/instant.js';
import { type Page, type PageOptions, toPage } from '../domain/input/page.js';
import {
  decodeCursor,
  encodeCursor,
  type ListName,
  PAGE,
  PAGE_LIMIT_DEFAULT,
  type PlaceParts,
  placeIn,
} from '../domain/input/paging.js';
import { canonicalJson, type KeyDigest, keyDigest } from '../domain/transfers/idempotency.js';
import type { Transfer } from '../domain/transfers/transfer.js';
import {
  type CheckedTransferFilter,
  checkTogether,
  type ListOrder,
  listOrder,
  TRANSFER_FILTER,
  type TransferFilter,
} from '../domain/transfers/transfer-filter.js';
import { LedgerError } from '../errors.js';
import { type FoundBy, listTransfers, type TransferRows } from '../history/list-transfers.js';
import type { ResolvedTransferFilter } from '../history/transfer-conditions.js';
import { accountNotFound, findAccountsBelow } from '../postgres/accounts.js';
import { readTimeZone } from '../postgres/ledgers.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Accounts } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';

export interface TransferListOptions extends TransferFilter, PageOptions {
  /** Default `newest`. */
  readonly order?: ListOrder;
}

type CheckedOptions = CheckedTransferFilter & PageOptions & { readonly order?: ListOrder };

const OPTIONS: Members<CheckedOptions> = { ...TRANSFER_FILTER, ...PAGE, order: optional(listOrder) };
const readOptions = object<CheckedOptions>(OPTIONS);

/** The most accounts that an `accountPath` may name. */
export const ACCOUNTS_OF_PATH_MAX = 100;
/** A position, and the end of a list that ends where all was settled. */
const PLACE: PlaceParts = ['number', 'number'];
/** In place of the end for a list that has none. */
const NO_END = 0n;

interface Dependencies {
  readonly identifyMany: Accounts['identifyMany'];
  /** The end of what is settled in a ledger. */
  readonly findSettledEnd: (store: LedgerStore) => Promise<bigint>;
}

export function createTransferList(context: LedgerContext, { identifyMany, findSettledEnd }: Dependencies) {
  return async (given: TransferListOptions = {}): Promise<Page<Transfer>> => {
    const { limit: count = PAGE_LIMIT_DEFAULT, cursor, order = 'newest', ...filter } = readOptions(given, 'options');
    checkTogether(filter);
    refuseBroad(filter);
    const place = decodeCursor(cursor, PLACE);
    const resolved = await resolve(filter);
    const foundBy = foundByOf(filter, resolved);
    return context.read(async (store) => {
      const list = listName(store.ledger, filter, order);
      const [after, end = NO_END] = placeIn(list, place).map(BigInt);
      if (resolved.accounts?.length === 0) return toPage<Transfer>([], count, String);
      // Rows of one account appear in their order. Those of several may appear out of it, one that was drawn before another after it.
      const isInOrder = order === 'newest' || foundBy.by === 'key' || foundBy.by === 'group' || isOneAccount(foundBy);
      // Found once for the list: later pages have it in their cursor.
      const through = isInOrder ? undefined : end === NO_END ? await findSettledEnd(store) : end;
      const found = await listTransfers(store, { filter: resolved, foundBy, order, after, through, limit: count + 1 });
      return pageOf(found, { list, count, through });
    });
  };

  /** @throws {LedgerError} `invalid_period`, `account_not_found`, `filter_too_broad` */
  async function resolve(filter: CheckedTransferFilter): Promise<ResolvedTransferFilter> {
    const { account, accountPath, counterparty, kinds, currency, amountMin, amountMax } = filter;
    const { groupId, reference, words, metadata } = filter;
    const named = [account, counterparty].filter((one) => one !== undefined);
    const identities = await identifyMany(named);
    if (account !== undefined && !identities.has(account)) throw accountNotFound(account);
    const known = account === undefined ? undefined : identities.get(account);
    const recorded = await periodOf(filter.recordedFrom, filter.recordedTo, 'recordedTo');
    const effective = await periodOf(filter.effectiveFrom, filter.effectiveTo, 'effectiveTo');
    return {
      ...{ kinds, currency, amountMin, amountMax, groupId, reference, words, metadata },
      accounts: await accountsOf(known, accountPath),
      counterparty: counterparty === undefined ? undefined : (identities.get(counterparty)?.id ?? NOBODY),
      ...{ recordedFrom: recorded.from, recordedTo: recorded.to },
      ...{ effectiveFrom: effective.from, effectiveTo: effective.to },
    };
  }

  async function accountsOf(
    account: AccountIdentity | undefined,
    path: string | undefined,
  ): Promise<readonly AccountId[] | undefined> {
    if (account !== undefined) {
      const isBelow = path === undefined || account.address === path || account.address.startsWith(`${path}:`);
      return isBelow ? [account.id] : [];
    }
    if (path === undefined) return undefined;
    const ids = await context.read((store) => findAccountsBelow(store, path, ACCOUNTS_OF_PATH_MAX + 1));
    if (ids.length > ACCOUNTS_OF_PATH_MAX) {
      throw tooBroad(
        'accountPath',
        `names more than ${ACCOUNTS_OF_PATH_MAX} accounts: make it longer, or name an account`,
      );
    }
    return ids;
  }

  async function periodOf(first: CheckedMoment | undefined, end: CheckedMoment | undefined, field: string) {
    const [from, to] = [await instantOf(first), await instantOf(end)];
    if (from !== undefined && to !== undefined && from >= to) {
      throw new LedgerError('invalid_period', `${field} must be after its beginning`, { field });
    }
    return { from, to };
  }

  async function instantOf(moment: CheckedMoment | undefined): Promise<Date | undefined> {
    if (moment === undefined || moment instanceof Date) return moment;
    return startOfDay(moment, await context.read(readTimeZone));
  }
}

/**
 * The index that finds the rows. Accounts below a path come before a group and a reference: who may see these accounts alone learns
 * nothing of others, not even by how long it takes to pass over them.
 */
function foundByOf(filter: CheckedTransferFilter, { accounts }: ResolvedTransferFilter): FoundBy {
  const { idempotencyKey, scope, accountPath, groupId, reference } = filter;
  if (idempotencyKey !== undefined) return { by: 'key', key: keyDigest({ idempotencyKey, scope }) as KeyDigest };
  if (accountPath === undefined) {
    if (groupId !== undefined) return { by: 'group' };
    if (reference !== undefined) return { by: 'reference' };
  }
  if (accounts !== undefined) return { by: 'accounts', accounts };
  return { by: 'ledger' };
}

const NARROWING = ['account', 'accountPath', 'reference', 'groupId', 'idempotencyKey'] as const;

/** @throws {LedgerError} `filter_too_broad` for a filter that only a search of the whole journal could serve */
function refuseBroad(filter: CheckedTransferFilter): void {
  const [broad] = Object.keys(filter);
  if (broad === undefined || NARROWING.some((name) => filter[name] !== undefined)) return;
  throw tooBroad(broad, 'would search the whole journal: narrow it by an account or a reference');
}

function tooBroad(field: string, rule: string): LedgerError {
  return new LedgerError('filter_too_broad', `${field} ${rule}`, { field, add: NARROWING.join(' ') });
}

/** In place of an account that does not exist: looking for it takes as long as for one that does. */
const NOBODY = '00000000-0000-0000-0000-000000000000' as AccountId;

function isOneAccount(foundBy: FoundBy): boolean {
  return foundBy.by === 'accounts' && foundBy.accounts.length === 1;
}

/** A cursor is of its filter: with another one it would leave rows out. */
function listName(ledger: number, filter: CheckedTransferFilter, order: ListOrder): ListName {
  const { metadata, ...others } = filter;
  const said = Object.entries({ ...others, metadata: metadata && canonicalJson(metadata) });
  const written = said.map(([name, value]) => [name, typeof value === 'bigint' ? String(value) : value]);
  return ['transfers', ledger, order, JSON.stringify(written.sort())];
}

function pageOf(
  { rows, searchedTo }: TransferRows,
  { list, count, through }: { readonly list: ListName; readonly count: number; readonly through: bigint | undefined },
): Page<Transfer> {
  const cursorAfter = (position: bigint) => encodeCursor(list, position, through ?? NO_END);
  const page = toPage(rows, count, ({ position }) => cursorAfter(position));
  const nextCursor = page.nextCursor ?? (searchedTo === null ? null : cursorAfter(searchedTo));
  return { data: page.data.map(({ transfer }) => transfer), nextCursor };
}
