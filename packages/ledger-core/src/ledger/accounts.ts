import {
  type Account,
  type AccountIdentity,
  type AccountStatus,
  type CheckedOpenAccount,
  checkNewLimits,
  checkOpenAccount,
  isAccountId,
  isAddress,
} from '../domain/accounts/account.js';
import { checkAggregate } from '../domain/accounts/aggregate.js';
import { list, object, oneOf, optional, valid } from '../domain/input/arguments.js';
import { AUDIT, type Audit } from '../domain/input/audit.js';
import { type PageOptions, toPage } from '../domain/input/page.js';
import { decodeCursor, encodeCursor, PAGE, PAGE_LIMIT_DEFAULT, placeIn } from '../domain/input/paging.js';
import { ResultMap } from '../domain/json/result.js';
import type { Entry } from '../domain/transfers/transfer.js';
import { LedgerError, type LedgerErrorCode } from '../errors.js';
import { listEntries } from '../history/entries.js';
import { type AccountPlace, closeAccount, setLimits, setStatus } from '../postgres/account-changes.js';
import {
  accountNotFound,
  checkReference,
  findIdentities,
  getAccount,
  listAccounts,
  openAccount,
} from '../postgres/accounts.js';
import { aggregateBalances } from '../postgres/aggregate.js';
import { createAccountHistory } from './account-history.js';
import type { ExpireOf } from './holds.js';
import type { Accounts, FreezeSide } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';

const FROZEN: Readonly<Record<FreezeSide, AccountStatus>> = {
  debits: 'frozen_debits',
  credits: 'frozen_credits',
  both: 'frozen',
};

const PREFIX_PATTERN = /^[a-zA-Z0-9_.:-]{0,200}$/;

/** Refusals of a change because of the account's balance or holds. */
const OF_BALANCES: ReadonlySet<LedgerErrorCode> = new Set<LedgerErrorCode>(['account_not_empty', 'limit_broken']);
const isPrefix = (value: unknown) => typeof value === 'string' && PREFIX_PATTERN.test(value);
const isReference = (text: string) => isAccountId(text) || isAddress(text);
const referenceText = valid<string>((value) => typeof value === 'string', 'must be an account id or an address');

const readPage = object<PageOptions>(PAGE);
const readList = object<PageOptions & { readonly prefix?: string }>({
  prefix: optional(valid(isPrefix, 'must be the beginning of an address')),
  ...PAGE,
});
const readAudit = object<Audit>(AUDIT);
const readFreeze = object<Audit & { readonly side?: FreezeSide }>({
  side: optional(oneOf(Object.keys(FROZEN) as FreezeSide[])),
  ...AUDIT,
});

type AccountWork = (place: AccountPlace) => Promise<Account>;

export function createAccounts(context: LedgerContext, expireOf: ExpireOf): Accounts {
  const { identities } = context.engine;

  async function identifyMany(references: readonly string[]): Promise<ReadonlyMap<string, AccountIdentity>> {
    const wanted = list(referenceText)(references, 'references').filter(isReference);
    const found = new ResultMap<AccountIdentity>();
    if (wanted.length === 0) return found;
    const { ledger } = await context.store();
    // Payments name accounts that are in memory, nearly always.
    if (wanted.every((reference) => remember(found, reference, identities.get(ledger, reference)))) return found;
    const load = context.isCommitted ? identities.load : identities.loadUncommitted;
    const identityOf = await context.read((store) =>
      load(store.ledger, wanted, (missing) => findIdentities(store, missing)),
    );
    for (const reference of wanted) remember(found, reference, identityOf(reference));
    return found;
  }

  async function identify(reference: string): Promise<AccountIdentity | undefined> {
    if (!isReference(referenceText(reference, 'reference'))) return undefined;
    const { ledger } = await context.store();
    const known = identities.get(ledger, reference);
    return known ?? (await identifyMany([reference])).get(reference);
  }

  async function change(given: string, work: AccountWork): Promise<Account> {
    const reference = checkReference(given);
    return context.change((store) => work({ store, reference }));
  }

  /** For changes that the balance may refuse: what holds keep that are due is free before it is judged. */
  async function changeFreed(reference: string, work: AccountWork): Promise<Account> {
    const hindrance = await expireOf(checkReference(reference));
    return change(reference, work).catch((error: unknown) => {
      const isOfBalance = error instanceof LedgerError && OF_BALANCES.has(error.code);
      throw isOfBalance && hindrance !== undefined ? hindrance : error;
    });
  }

  const open = (request: CheckedOpenAccount) => context.change((store) => openAccount(store, request));

  return {
    ...createAccountHistory(context, identify),
    identify,
    identifyMany,
    open: async (request) => open(checkOpenAccount(request)),
    async ensure(given) {
      const request = checkOpenAccount(given);
      try {
        return await open(request);
      } catch (error) {
        if (!(error instanceof LedgerError && error.code === 'account_exists')) throw error;
        const there = await identify(request.address);
        if (there === undefined) throw error;
        const account = await context.read((store) => getAccount(store, there.id));
        if (account.type !== request.type || account.currency !== request.currency) throw error;
        return account;
      }
    },
    async get(given) {
      const reference = checkReference(given);
      return context.read((store) => getAccount(store, reference));
    },
    async aggregate(options = {}) {
      const checked = checkAggregate(options);
      return context.read((store) => aggregateBalances(store, checked));
    },
    async list(options = {}) {
      const { prefix = '', limit: count = PAGE_LIMIT_DEFAULT, cursor } = readList(options, 'options');
      const place = decodeCursor(cursor, ['address']);
      return context.read(async (store) => {
        const list = ['accounts', store.ledger, prefix];
        const [after] = placeIn(list, place);
        const rows = await listAccounts(store, { prefix, after, limit: count + 1 });
        return toPage(rows, count, ({ address }) => encodeCursor(list, address));
      });
    },
    async entries(given, options = {}) {
      const { limit: count = PAGE_LIMIT_DEFAULT, cursor } = readPage(options, 'options');
      const place = decodeCursor(cursor, ['number']);
      const reference = checkReference(given);
      const account = await identify(reference);
      if (account === undefined) throw accountNotFound(reference);
      return context.read(async (store) => {
        const list = ['entries', store.ledger, account.id];
        const [before] = placeIn(list, place).map(BigInt);
        const rows = await listEntries(store, account.id, { before, limit: count + 1 });
        return toPage(rows, count, ({ version }: Entry) => encodeCursor(list, version));
      });
    },
    async freeze(reference, options = {}) {
      const { side = 'both', ...audit } = readFreeze(options, 'options');
      return change(reference, (at) => setStatus(at, FROZEN[side], 'account.frozen.v1', audit));
    },
    async unfreeze(reference, options = {}) {
      const audit = readAudit(options, 'options');
      return change(reference, (at) => setStatus(at, 'open', 'account.unfrozen.v1', audit));
    },
    async close(reference, options = {}) {
      const audit = readAudit(options, 'options');
      return changeFreed(reference, (at) => closeAccount(at, audit));
    },
    async setLimits(reference, given) {
      const { limits, audit } = checkNewLimits(given);
      return changeFreed(reference, (at) => setLimits(at, limits, audit));
    },
  };
}

/** Adds an account that is there to what was found. */
function remember(
  found: Map<string, AccountIdentity>,
  reference: string,
  identity: AccountIdentity | undefined,
): boolean {
  if (identity !== undefined) found.set(reference, identity);
  return identity !== undefined;
}
