import type { Account, AccountIdentity, AccountStatus, NewLimits } from '../domain/accounts/account.js';
import { accountRefusal } from '../domain/accounts/account-refusal.js';
import { type Balance, pendingInOf, pendingOutOf, postedOf } from '../domain/decision/balance.js';
import type { Audit } from '../domain/input/audit.js';
import { invariant } from '../errors.js';
import { accountNotFound, findIdentities, getAccount } from './accounts.js';
import { plainArray } from './arrays.js';
import { lockBalances, toBalance } from './balances.js';
import { type EventRow, writeEvent } from './events.js';
import type { LedgerStore } from './store.js';
import type { Transaction } from './transaction-adapter.js';

/** The account that is changed, and where. */
export interface AccountPlace {
  readonly store: LedgerStore<Transaction>;
  readonly reference: string;
}

interface Locked {
  readonly identity: AccountIdentity;
  readonly balance: Balance;
}

/** @throws {LedgerError} `account_not_found` */
async function lock({ store, reference }: AccountPlace): Promise<Locked> {
  const [identity] = await findIdentities(store, [reference]);
  if (identity === undefined) throw accountNotFound(reference);
  const { rows } = await store.sql.executeSql(lockBalances(store).text, [store.ledger, plainArray([identity.id])]);
  invariant(rows[0] !== undefined, 'an account has a balance');
  return { identity, balance: toBalance(rows[0]) };
}

function refuseClosed({ balance: { accountId, status }, identity: { address } }: Locked): void {
  if (status !== 'closed') return;
  throw accountRefusal('account_closed', { accountId, address });
}

/**
 * Freezes or opens an account under its row lock and writes the event of it; nothing when it is so already.
 *
 * @throws {LedgerError} `account_not_found`, `account_closed`
 */
export async function setStatus(
  place: AccountPlace,
  status: AccountStatus,
  event: 'account.frozen.v1' | 'account.unfrozen.v1',
  audit: Audit,
): Promise<Account> {
  const locked = await lock(place);
  refuseClosed(locked);
  if (locked.balance.status !== status) await writeStatus(place, locked, status, event, audit);
  return read(place, locked);
}

/**
 * Closes an account for ever; nothing when it is closed already.
 *
 * @throws {LedgerError} `account_not_found`, `account_not_empty`
 */
export async function closeAccount(place: AccountPlace, audit: Audit): Promise<Account> {
  const locked = await lock(place);
  const { balance } = locked;
  if (balance.status !== 'closed') {
    const { accountId } = balance;
    if ([postedOf(balance), pendingInOf(balance), pendingOutOf(balance)].some((amount) => amount !== 0n)) {
      throw accountRefusal('account_not_empty', {
        accountId,
        address: locked.identity.address,
        posted: String(postedOf(balance)),
        pendingIn: String(pendingInOf(balance)),
        pendingOut: String(pendingOutOf(balance)),
      });
    }
    await writeStatus(place, locked, 'closed', 'account.closed.v1', audit);
  }
  return read(place, locked);
}

/**
 * Sets new limits under the row lock and writes the event of it; nothing when they are so already.
 *
 * @throws {LedgerError} `account_not_found`, `account_closed`, `limit_broken` when the present balance breaks one
 */
export async function setLimits(place: AccountPlace, limits: NewLimits, audit: Audit): Promise<Account> {
  const locked = await lock(place);
  const { balance, identity } = locked;
  refuseClosed(locked);
  const { minimum = balance.minimum, maximum = balance.maximum } = limits;
  refuseBroken(locked, { minimum, maximum });
  if (minimum !== balance.minimum || maximum !== balance.maximum) {
    const { sql, schema, ledger } = place.store;
    await sql.executeSql(
      `update ${schema}.balances set minimum = $3, maximum = $4 where ledger = $1 and account_id = $2`,
      [ledger, identity.id, toText(minimum), toText(maximum)],
    );
    await write(place, locked, 'account.limits_changed.v1', {
      minimum: toText(minimum),
      maximum: toText(maximum),
      minimumBefore: toText(balance.minimum),
      maximumBefore: toText(balance.maximum),
      ...audit,
    });
  }
  return read(place, locked);
}

function refuseBroken(
  { balance, identity: { address } }: Locked,
  { minimum, maximum }: Pick<Account, 'minimum' | 'maximum'>,
): void {
  const { accountId, currency } = balance;
  const lowest = postedOf(balance) - pendingOutOf(balance);
  if (minimum !== null && lowest < minimum) {
    throw accountRefusal('limit_broken', {
      accountId,
      address,
      currency,
      limit: 'minimum',
      value: String(minimum),
      balance: String(lowest),
    });
  }
  const highest = postedOf(balance) + pendingInOf(balance);
  if (maximum !== null && highest > maximum) {
    throw accountRefusal('limit_broken', {
      accountId,
      address,
      currency,
      limit: 'maximum',
      value: String(maximum),
      balance: String(highest),
    });
  }
}

function toText(limit: bigint | null): string | null {
  return limit === null ? null : String(limit);
}

async function writeStatus(
  place: AccountPlace,
  locked: Locked,
  status: AccountStatus,
  event: EventRow['type'],
  audit: Audit,
): Promise<void> {
  const { sql, schema, ledger } = place.store;
  await sql.executeSql(`update ${schema}.balances set status = $3 where ledger = $1 and account_id = $2`, [
    ledger,
    locked.identity.id,
    status,
  ]);
  await write(place, locked, event, { from: locked.balance.status, to: status, ...audit });
}

async function write(
  { store }: AccountPlace,
  { identity: { id, address } }: Locked,
  type: EventRow['type'],
  data: EventRow['data'],
): Promise<void> {
  await writeEvent(store, { type, subject: id, data: { address, ...data } });
}

function read({ store }: AccountPlace, { identity }: Locked): Promise<Account> {
  return getAccount(store, identity.id);
}
