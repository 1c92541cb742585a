import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import {
  type Account,
  type AccountId,
  type AccountIdentity,
  type CheckedOpenAccount,
  isAccountId,
  isAddress,
  isDebitNormal,
} from '../domain/accounts/account.js';
import { availableOf, pendingInOf, pendingOutOf, postedOf } from '../domain/decision/balance.js';
import { invalidArgument } from '../domain/input/arguments.js';
import type { Metadata } from '../domain/input/metadata.js';
import { result } from '../domain/json/result.js';
import { LedgerError } from '../errors.js';
import { plainArray, textArray } from './arrays.js';
import { epochMs } from './balances.js';
import { useCurrency } from './currencies.js';
import { writeEvent } from './events.js';
import { pendingOf } from './holds.js';
import { probe } from './probe.js';
import type { LedgerStore, Store } from './store.js';
import { run } from './tables.js';
import type { Transaction } from './transaction-adapter.js';

type PendingOf = (store: Store, side: 'from' | 'to') => string;

/** The account as its row has it, including holds that are due. */
const recordedPending: PendingOf = (_, side) => (side === 'from' ? 'b.debits_pending' : 'b.credits_pending');

/** Columns are read as texts, because a number parser that the process has set in `pg` would round money. */
function selectAccounts(store: Store, ledger: number, pendingOf: PendingOf) {
  return store.build
    .selectFrom('accounts as a')
    .innerJoin('balances as b', (join) => join.onRef('b.ledger', '=', 'a.ledger').onRef('b.account_id', '=', 'a.id'))
    .where('a.ledger', '=', ledger)
    .select([
      'a.id',
      'a.address',
      'a.type',
      'a.currency',
      'b.status',
      'b.debit_normal',
      sql<string>`a.metadata::text`.as('metadata'),
      sql<string>`${sql.raw(epochMs('a.opened_at'))}`.as('opened_ms'),
      sql<string | null>`b.minimum::text`.as('minimum'),
      sql<string | null>`b.maximum::text`.as('maximum'),
      sql<string>`b.version::text`.as('version'),
      sql<string>`b.debits_posted::text`.as('debits_posted'),
      sql<string>`b.credits_posted::text`.as('credits_posted'),
      sql<string>`(${sql.raw(pendingOf(store, 'from'))})::text`.as('debits_pending'),
      sql<string>`(${sql.raw(pendingOf(store, 'to'))})::text`.as('credits_pending'),
    ]);
}

type AccountRow = Awaited<ReturnType<ReturnType<typeof selectAccounts>['execute']>>[number];

type AccountQuery = ReturnType<typeof selectAccounts>;

/**
 * Reads accounts; once more, without the holds that are due, where one of them has something pending. To plan for holds costs
 * PostgreSQL as much as all the rest, and most accounts have none.
 */
async function readAccounts(
  store: LedgerStore,
  narrow: (query: AccountQuery) => AccountQuery,
): Promise<readonly Account[]> {
  const read = (pending: PendingOf) => run(store.sql, narrow(selectAccounts(store, store.ledger, pending)));
  const rows = await read(recordedPending);
  const isPending = rows.some((row) => row.debits_pending !== '0' || row.credits_pending !== '0');
  return (isPending ? await read(pendingOf) : rows).map(toAccount);
}

function toAccount(row: AccountRow): Account {
  const minimum = row.minimum === null ? null : BigInt(row.minimum);
  const totals = {
    debitNormal: row.debit_normal,
    debitsPosted: BigInt(row.debits_posted),
    creditsPosted: BigInt(row.credits_posted),
    debitsPending: BigInt(row.debits_pending),
    creditsPending: BigInt(row.credits_pending),
  };
  return result({
    id: row.id as AccountId,
    address: row.address,
    type: row.type,
    currency: row.currency,
    status: row.status,
    minimum,
    maximum: row.maximum === null ? null : BigInt(row.maximum),
    posted: postedOf(totals),
    pendingIn: pendingInOf(totals),
    pendingOut: pendingOutOf(totals),
    available: availableOf({ ...totals, minimum }),
    version: BigInt(row.version),
    metadata: JSON.parse(row.metadata) as Metadata,
    openedAt: new Date(Number(row.opened_ms)),
  });
}

/** @throws {LedgerError} `account_not_found` */
export async function getAccount(store: LedgerStore, reference: string): Promise<Account> {
  const column = isAccountId(reference) ? 'a.id' : 'a.address';
  if (column === 'a.address' && !isAddress(reference)) throw accountNotFound(reference);
  const [account] = await readAccounts(store, (query) => query.where(column, '=', reference));
  if (account === undefined) throw accountNotFound(reference);
  return account;
}

export interface AccountRange {
  readonly prefix: string;
  /** The address after which the page begins. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** Accounts of a ledger in order of address. */
export async function listAccounts(
  store: LedgerStore,
  { prefix, after, limit }: AccountRange,
): Promise<readonly Account[]> {
  return readAccounts(store, (accounts) => {
    let query = accounts.orderBy('a.address').limit(limit);
    // Addresses compare byte by byte and hold no character above "z".
    if (prefix !== '') query = query.where('a.address', '>=', prefix).where('a.address', '<', `${prefix}~`);
    if (after !== undefined) query = query.where('a.address', '>', after);
    return query;
  });
}

/** Reads what never changes of the accounts that exist among ids and addresses. */
export async function findIdentities(
  { sql, schema, ledger }: LedgerStore,
  references: readonly string[],
): Promise<readonly AccountIdentity[]> {
  const columns = 'a.id, a.address, a.type, a.currency';
  const { rows } = await sql.executeSql(
    `select ${columns} from unnest($2::uuid[]) r(id)
       cross join ${probe(`${schema}.accounts`, 'ledger = $1 and id = r.id')} a
     union
     select ${columns} from unnest($3::text[]) r(address)
       cross join ${probe(`${schema}.accounts`, 'ledger = $1 and address = r.address')} a`,
    [
      ledger,
      // A text that is neither names no account, and may hold characters that PostgreSQL refuses.
      plainArray(references.filter(isAccountId)),
      textArray(references.filter(isAddress)),
    ],
  );
  return rows as unknown as readonly AccountIdentity[];
}

/**
 * Writes account, balance and `account.opened`, in this order, so that the transaction has its id before
 * the event draws its position.
 *
 * @throws {LedgerError} `unknown_currency`, `account_exists`
 */
export async function openAccount(store: LedgerStore<Transaction>, request: CheckedOpenAccount): Promise<Account> {
  const currency = await useCurrency(store, request.currency);
  const id = request.id ?? uuidv7();
  const { schema } = store;
  const { address, type, minimum, maximum, metadata } = request;
  // Without an error of PostgreSQL, after which postgres.js would roll a caller's transaction back.
  const { rows } = await store.sql.executeSql(
    `with account as (
       insert into ${schema}.accounts (ledger, id, address, type, currency, metadata, opened_at)
       values ($1, $2, $3, $4, $5, $6, clock_timestamp())
       on conflict do nothing
       returning ledger, id, opened_at
     )
     insert into ${schema}.balances
       (ledger, account_id, recorded_at, debit_normal, currency, minimum, maximum)
     select ledger, id, opened_at, $7, $5, $8, $9 from account
     returning account_id`,
    [
      store.ledger,
      id,
      address,
      type,
      currency.code,
      JSON.stringify(metadata),
      isDebitNormal(type),
      minimum?.toString() ?? null,
      maximum?.toString() ?? null,
    ],
  );
  if (rows.length === 0) throw await accountExists(store, address);
  await writeEvent(store, {
    type: 'account.opened.v1',
    subject: id,
    data: {
      address,
      type,
      currency: currency.code,
      minimum: minimum?.toString() ?? null,
      maximum: maximum?.toString() ?? null,
    },
  });
  return getAccount(store, id);
}

async function accountExists(store: LedgerStore, address: string): Promise<LedgerError> {
  const [holder] = await findIdentities(store, [address]);
  if (holder === undefined) return new LedgerError('account_exists', 'this account id is taken');
  return new LedgerError('account_exists', `address ${address} is taken`, { address });
}

const REFERENCE_LENGTH_SHOWN = 200;

/**
 * The id or address of an account to look for; what cannot be one is not looked for.
 *
 * @throws {LedgerError} `invalid_request` for what is no text, `account_not_found`
 */
export function checkReference(reference: string): string {
  if (typeof reference !== 'string') throw invalidArgument('reference', 'must be an account id or an address');
  if (!isAccountId(reference) && !isAddress(reference)) {
    throw new LedgerError('account_not_found', 'reference is neither an account id nor an address', {
      account: String(reference).slice(0, REFERENCE_LENGTH_SHOWN),
    });
  }
  return reference;
}

export function accountNotFound(reference: string): LedgerError {
  return new LedgerError('account_not_found', 'no account of this ledger has that id or address', {
    account: reference.slice(0, REFERENCE_LENGTH_SHOWN),
  });
}
