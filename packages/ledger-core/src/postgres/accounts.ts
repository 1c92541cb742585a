import { v7 as uuidv7 } from 'uuid';
import {
  type Account,
  type AccountId,
  type AccountIdentity,
  type AccountStatus,
  type AccountType,
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
import { BY_ADDRESS, ofLedger } from './of-ledger.js';
import { probe } from './probe.js';
import type { LedgerStore, Store } from './store.js';
import type { Transaction } from './transaction-adapter.js';

type PendingOf = (store: Store, side: 'from' | 'to') => string;

/** The account as its row has it, including holds that are due. */
const recordedPending: PendingOf = (_, side) => (side === 'from' ? 'b.debits_pending' : 'b.credits_pending');

/** Columns are read as texts, because a number parser that the process has set in `pg` would round money. */
function accountColumns(store: Store, pendingOf: PendingOf): string {
  return `a.id, a.address, a.type, a.currency, b.status, b.debit_normal, a.metadata::text as metadata,
    ${epochMs('a.opened_at')} as opened_ms, b.minimum::text as minimum, b.maximum::text as maximum, b.version::text as version,
    b.debits_posted::text as debits_posted, b.credits_posted::text as credits_posted,
    (${pendingOf(store, 'from')})::text as debits_pending, (${pendingOf(store, 'to')})::text as credits_pending`;
}

interface AccountRow extends Readonly<Record<TextColumn, string>> {
  readonly type: AccountType;
  readonly status: AccountStatus;
  readonly debit_normal: boolean;
  readonly minimum: string | null;
  readonly maximum: string | null;
}

type TextColumn =
  | 'id'
  | 'address'
  | 'currency'
  | 'metadata'
  | 'opened_ms'
  | 'version'
  | `${'debits' | 'credits'}_${'posted' | 'pending'}`;

/**
 * Reads the accounts that `condition` and its values, from `$2` on, choose; once more, without the holds that are due, where one of
 * them has something pending. To plan for holds costs PostgreSQL as much as all the rest, and most accounts have none.
 */
async function readAccounts(
  store: LedgerStore,
  condition: string,
  ...values: readonly unknown[]
): Promise<readonly Account[]> {
  const { sql, schema, ledger } = store;
  const read = async (pending: PendingOf) => {
    const { rows } = await sql.executeSql(
      `select ${accountColumns(store, pending)} from ${schema}.accounts a
         cross join ${probe(`${schema}.balances`, `${ofLedger()} and account_id = a.id`)} b
       where ${ofLedger('a.')} and ${condition}`,
      [ledger, ...values],
    );
    return rows as unknown as readonly AccountRow[];
  };
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
  const isId = isAccountId(reference);
  if (!isId && !isAddress(reference)) throw accountNotFound(reference);
  const [account] = await readAccounts(store, isId ? 'a.id = $2' : `a.address = $2 and a.${BY_ADDRESS}`, reference);
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
  const condition = `a.address >= $2 and a.address < $3 and a.address > $4 and a.${BY_ADDRESS} order by a.address limit $5`;
  // Addresses compare byte by byte and hold no character above "z".
  return readAccounts(store, condition, prefix, `${prefix}~`, after ?? '', limit);
}

/** The ids of accounts whose address is a path or goes on after it, a few at most. */
export async function findAccountsBelow(
  { sql, schema, ledger }: LedgerStore,
  path: string,
  limit: number,
): Promise<readonly AccountId[]> {
  // ":" is what follows a path within an address, and ";" the character after it.
  const { rows } = await sql.executeSql(
    `select a.id from ${schema}.accounts a
     where ${ofLedger('a.')} and a.${BY_ADDRESS} and (a.address = $2 or a.address >= $3 and a.address < $4) limit $5`,
    [ledger, path, `${path}:`, `${path};`, limit],
  );
  return rows.map(({ id }) => id as AccountId);
}

/** Reads what never changes of the accounts that exist among ids and addresses. */
export async function findIdentities(
  { sql, schema, ledger }: LedgerStore,
  references: readonly string[],
): Promise<readonly AccountIdentity[]> {
  const columns = 'a.id, a.address, a.type, a.currency';
  const { rows } = await sql.executeSql(
    `select ${columns} from unnest($2::uuid[]) r(id)
       cross join ${probe(`${schema}.accounts`, `${ofLedger()} and id = r.id`)} a
     union
     select ${columns} from unnest($3::text[]) r(address)
       cross join ${probe(`${schema}.accounts`, `${ofLedger()} and address = r.address and ${BY_ADDRESS}`)} a`,
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
    throw new LedgerError('account_not_found', 'reference must be an account id or an address', {
      account: String(reference).slice(0, REFERENCE_LENGTH_SHOWN),
    });
  }
  return reference;
}

export function accountNotFound(reference: string): LedgerError {
  return new LedgerError('account_not_found', 'no account in this ledger has this id or address', {
    account: reference.slice(0, REFERENCE_LENGTH_SHOWN),
  });
}
