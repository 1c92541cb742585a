import type { Book } from './book.js';
import {
  type Account,
  type AccountIdentity,
  type AccountStatus,
  checkOpenAccount,
  type OpenAccount,
} from './domain/account.js';
import { checkPageLimit, decodeCursor, encodeCursor } from './domain/paging.js';
import type { Entry } from './domain/transfer.js';
import { LedgerError } from './errors.js';
import type { Accounts, FreezeSide, Page } from './ledger-api.js';
import { accountNotFound, changeStatus, getAccount, listAccounts, openAccount } from './postgres/accounts.js';
import { listEntries } from './postgres/entries.js';
import { fromSqlError } from './postgres/sql-errors.js';

const FROZEN: Readonly<Record<FreezeSide, AccountStatus>> = {
  debits: 'frozen_debits',
  credits: 'frozen_credits',
  both: 'frozen',
};

const ADDRESS_CURSOR = /^after ([a-zA-Z0-9_.:-]{1,200})$/;
const ENTRY_CURSOR = /^before ([0-9]{1,18})$/;
const PREFIX_PATTERN = /^[a-zA-Z0-9_.:-]{0,200}$/;

export function createAccounts(book: Book): Accounts {
  const { engine, reads } = book;
  const { store, identities } = engine;

  async function identifyMany(references: readonly string[]): Promise<ReadonlyMap<string, AccountIdentity>> {
    const ledger = await book.number();
    const load = book.isCommitted ? identities.load : identities.loadUncommitted;
    const identityOf = await load(ledger, references, (missing) => engine.findIdentities(reads, ledger, missing)).catch(
      fail,
    );
    const found = new Map<string, AccountIdentity>();
    for (const reference of references) {
      const identity = identityOf(reference);
      if (identity !== undefined) found.set(reference, identity);
    }
    return found;
  }

  async function identify(reference: string): Promise<AccountIdentity | undefined> {
    const known = identities.get(await book.number(), reference);
    return known ?? (await identifyMany([reference])).get(reference);
  }

  async function setStatus(reference: string, change: Parameters<typeof changeStatus>[4]) {
    const ledger = await book.number();
    return book.change((transaction) => changeStatus(transaction, store, ledger, reference, change));
  }

  async function open(request: OpenAccount): Promise<Account> {
    const checked = checkOpenAccount(request);
    const ledger = await book.number();
    return book.change((transaction) => openAccount(transaction, store, ledger, checked));
  }

  return {
    identify,
    identifyMany,
    open,
    async ensure(request) {
      try {
        return await open(request);
      } catch (error) {
        if (!(error instanceof LedgerError && error.code === 'account_exists')) throw error;
        const there = await identify(request.address);
        if (there === undefined) throw error;
        const account = await getAccount(reads, store, await book.number(), there.id);
        const { type, currency } = checkOpenAccount(request);
        if (account.type !== type || account.currency !== currency) throw error;
        return account;
      }
    },
    async get(reference) {
      return getAccount(reads, store, await book.number(), reference).catch(fail);
    },
    async list({ prefix = '', limit, cursor } = {}) {
      if (!PREFIX_PATTERN.test(prefix)) {
        throw new LedgerError('invalid_request', 'prefix must be the beginning of an address');
      }
      const count = checkPageLimit(limit);
      const after = cursor === undefined ? undefined : decodeCursor(cursor, ADDRESS_CURSOR)[0];
      const range = { prefix, after, limit: count + 1 };
      const rows = await listAccounts(reads, store, await book.number(), range).catch(fail);
      return toPage(rows, count, ({ address }) => encodeCursor('after', address));
    },
    async entries(reference, { limit, cursor } = {}) {
      const count = checkPageLimit(limit);
      const before = cursor === undefined ? undefined : BigInt(decodeCursor(cursor, ENTRY_CURSOR)[0] ?? 0);
      const account = await identify(reference);
      if (account === undefined) throw accountNotFound(reference);
      const range = { before, limit: count + 1 };
      const rows = await listEntries(reads, store, await book.number(), account.id, range).catch(fail);
      return toPage(rows, count, ({ version }: Entry) => encodeCursor('before', version));
    },
    async freeze(reference, { side = 'both' } = {}) {
      const status = Object.hasOwn(FROZEN, side) ? FROZEN[side] : undefined;
      if (status === undefined) {
        throw new LedgerError('invalid_request', 'side must be debits, credits or both');
      }
      return setStatus(reference, { status, event: 'account.frozen.v1' });
    },
    unfreeze: (reference) => setStatus(reference, { status: 'open', event: 'account.unfrozen.v1' }),
  };
}

/** Of one row more than asked for, the last says only that there is a next page. */
function toPage<Row>(rows: readonly Row[], count: number, cursorAfter: (row: Row) => string): Page<Row> {
  const data = rows.slice(0, count);
  const last = data.at(-1);
  const hasMore = rows.length > count && last !== undefined;
  return { data, nextCursor: hasMore ? cursorAfter(last) : null };
}

function fail(error: unknown): never {
  throw fromSqlError(error);
}
