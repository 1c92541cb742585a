import type { AccountId, AccountStatus } from '../domain/accounts/account.js';
import type { Balance } from '../domain/decision/balance.js';
import type { ArrayEncoding } from './arrays.js';
import type { Store } from './store.js';

/** A statement with a name, so that a connection prepares it once. */
export interface PreparedStatement {
  readonly name: string;
  readonly text: string;
}

/** Milliseconds since 1970 as an integer: exact in a double until the year 9999, where `extract` computes a numeric. */
export function epochMs(expression: string): string {
  return `(date_part('epoch', ${expression}) * 1000)::bigint::text`;
}

function lockText({ schema }: Store, ifLocked: string): string {
  return `select account_id, version::text, ${epochMs('recorded_at')} as recorded_ms, debit_normal,
      status::text, currency, minimum::text, maximum::text, debits_posted::text, credits_posted::text,
      debits_pending::text, credits_pending::text
    from ${schema}.balances
    where ledger = $1 and account_id = any($2::uuid[])
    order by account_id
    for no key update${ifLocked}`;
}

/** Locks balances in ascending order of account id, the one order that everybody keeps. */
export function lockBalances(store: Store): PreparedStatement {
  return { name: 'micropay_lock', text: lockText(store, '') };
}

/** The same, but leaves out what somebody else keeps locked. */
export function lockFreeBalances(store: Store): PreparedStatement {
  return { name: 'micropay_lock_free', text: lockText(store, ' skip locked') };
}

export function lockValues(
  { uuids }: ArrayEncoding,
  ledger: number,
  accounts: readonly AccountId[],
): readonly unknown[] {
  return [ledger, uuids(accounts)];
}

export type Row = Readonly<Record<string, unknown>>;

export function toBalance(row: Row): Balance {
  return {
    accountId: row.account_id as AccountId,
    debitNormal: row.debit_normal as boolean,
    currency: row.currency as string,
    status: row.status as AccountStatus,
    minimum: toBigIntOrNull(row.minimum),
    maximum: toBigIntOrNull(row.maximum),
    debitsPosted: BigInt(row.debits_posted as string),
    creditsPosted: BigInt(row.credits_posted as string),
    debitsPending: BigInt(row.debits_pending as string),
    creditsPending: BigInt(row.credits_pending as string),
    version: BigInt(row.version as string),
    recordedAtMs: Number(row.recorded_ms),
    changed: false,
  };
}

function toBigIntOrNull(value: unknown): bigint | null {
  return value === null ? null : BigInt(value as string);
}

/** Milliseconds since 1970 by the database's clock; read after the locks. */
export const CLOCK: PreparedStatement = {
  name: 'micropay_clock',
  text: `select ${epochMs(`date_trunc('milliseconds', clock_timestamp())`)} as now_ms`,
};
