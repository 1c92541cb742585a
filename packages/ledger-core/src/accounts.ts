import { createAccountHistory } from './account-history.js';
import type { Book } from './book.js';
import {
  type Account,
  type AccountIdentity,
  type AccountStatus,
  checkNewLimits,
  checkOpenAccount,
  type OpenAccount,
} from './domain/account.js';
import { checkAggregate } from './domain/aggregate.js';
import { checkAudit } from './domain/audit.js';
import { checkPageLimit, decodeCursor, encodeCursor, placeIn } from './domain/paging.js';
import type { Entry } from './domain/transfer.js';
import { LedgerError, type LedgerErrorCode } from './errors.js';
import type { ExpireOf } from './holds.js';
import type { Accounts, FreezeSide } from './ledger-api.js';
import { toPage } from './page.js';
import { type AccountPlace, closeAccount, setLimits, setStatus } from './postgres/account-changes.js';
import { accountNotFound, getAccount, listAccounts, openAccount } from './postgres/accounts.js';
import { aggregateBalances } from './postgres/aggregate.js';
import { listEntries } from './postgres/entries.js';
import { fail } from './postgres/sql-errors.js';

const FROZEN: Readonly<Record<FreezeSide, AccountStatus>> = {
  debits: 'frozen_debits',
  credits: 'frozen_credits',
  both: 'frozen',
};

const ADDRESS_CURSOR = /^([a-zA-Z0-9_.:-]{1,200})$/;
const ENTRY_CURSOR = /^([0-9]{1,18})$/;
const PREFIX_PATTERN = /^[a-zA-Z0-9_.:-]{0,200}$/;

/** What an account's balance and holds may refuse of a change. */
const OF_BALANCES: ReadonlySet<LedgerErrorCode> = new Set<LedgerErrorCode>(['account_not_empty', 'limit_broken']);

type AccountWork = (place: AccountPlace) => Promise<Account>;

export function createAccounts(book: Book, expireOf: ExpireOf): Accounts {
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

  async function change(reference: string, work: AccountWork): Promise<Account> {
    const ledger = await book.number();
    return book.change((transaction) => work({ transaction, store, ledger, reference }));
  }

  /** For changes that the balance may refuse: what holds keep that are due is free before it is judged. */
  async function changeFreed(reference: string, work: AccountWork): Promise<Account> {
    const hindrance = await expireOf(reference);
    return change(reference, work).catch((error: unknown) => {
      const isOfBalance = error instanceof LedgerError && OF_BALANCES.has(error.code);
      throw isOfBalance && hindrance !== undefined ? hindrance : error;
    });
  }

  async function open(request: OpenAccount): Promise<Account> {
    const checked = checkOpenAccount(request);
    const ledger = await book.number();
    return book.change((transaction) => openAccount(transaction, store, ledger, checked));
  }

  return {
    ...createAccountHistory(book, identify),
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
    async aggregate(options = {}) {
      const checked = checkAggregate(options);
      return aggregateBalances(reads, store, await book.number(), checked).catch(fail);
    },
    async list({ prefix = '', limit, cursor } = {}) {
      if (!PREFIX_PATTERN.test(prefix)) {
        throw new LedgerError('invalid_request', 'prefix must be the beginning of an address');
      }
      const count = checkPageLimit(limit);
      const given = decodeCursor(cursor, ADDRESS_CURSOR);
      const ledger = await book.number();
      const list = ['accounts', ledger, prefix];
      const [after] = placeIn(list, given);
      const rows = await listAccounts(reads, store, ledger, { prefix, after, limit: count + 1 }).catch(fail);
      return toPage(rows, count, ({ address }) => encodeCursor(list, address));
    },
    async entries(reference, { limit, cursor } = {}) {
      const count = checkPageLimit(limit);
      const given = decodeCursor(cursor, ENTRY_CURSOR);
      const account = await identify(reference);
      if (account === undefined) throw accountNotFound(reference);
      const ledger = await book.number();
      const list = ['entries', ledger, account.id];
      const [before] = placeIn(list, given).map(BigInt);
      const rows = await listEntries(reads, store, ledger, account.id, { before, limit: count + 1 }).catch(fail);
      return toPage(rows, count, ({ version }: Entry) => encodeCursor(list, version));
    },
    async freeze(reference, { side = 'both', ...audit } = {}) {
      const status = Object.hasOwn(FROZEN, side) ? FROZEN[side] : undefined;
      if (status === undefined) {
        throw new LedgerError('invalid_request', 'side must be debits, credits or both');
      }
      const checked = checkAudit(audit);
      return change(reference, (at) => setStatus(at, status, 'account.frozen.v1', checked));
    },
    async unfreeze(reference, audit = {}) {
      const checked = checkAudit(audit);
      return change(reference, (at) => setStatus(at, 'open', 'account.unfrozen.v1', checked));
    },
    async close(reference, audit = {}) {
      const checked = checkAudit(audit);
      return changeFreed(reference, (at) => closeAccount(at, checked));
    },
    async setLimits(reference, { minimum, maximum, ...audit }) {
      const limits = checkNewLimits({ minimum, maximum });
      const checked = checkAudit(audit);
      return changeFreed(reference, (at) => setLimits(at, limits, checked));
    },
  };
}
