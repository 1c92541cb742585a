import type { AccountId } from '../domain/accounts/account.js';
import { result } from '../domain/json/result.js';
import type { HeldAmount, Hold, HoldState } from '../domain/transfers/hold.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import { plainArray, textArray } from './arrays.js';
import { epochMs, type PreparedStatement, type Row } from './balances.js';
import { IN_LEDGER_ORDER, ofLedger } from './of-ledger.js';
import { probe } from './probe.js';
import type { LedgerStore, Store } from './store.js';

const COLUMNS = `h.id, h.from_account, h.to_account, h.currency, h.amount::text, h.captured::text, h.remaining::text,
  h.state::text, ${epochMs('h.expires_at')} as expires_ms, h.reference`;

/** Holds by id; read after the locks of their accounts, under which alone they change. */
export function findHolds({ schema }: Store): PreparedStatement {
  return {
    name: 'micropay_find_holds',
    text: `select ${COLUMNS} from unnest($2::uuid[]) given(id)
      cross join ${probe(`${schema}.holds`, 'ledger = $1 and id = given.id')} h`,
  };
}

export function toHeldAmount(row: Row): HeldAmount {
  return {
    id: row.id as TransferId,
    from: row.from_account as AccountId,
    to: row.to_account as AccountId,
    currency: row.currency as string,
    amount: BigInt(row.amount as string),
    captured: BigInt(row.captured as string),
    remaining: BigInt(row.remaining as string),
    state: row.state as HoldState,
    expiresAtMs: row.expires_ms === null ? null : Number(row.expires_ms),
    reference: row.reference as string | null,
    changed: false,
  };
}

/** Writes holds as a decision leaves them: new ones, and those that are less or at their end. */
export function writeHolds({ schema }: Store): PreparedStatement {
  return {
    name: 'micropay_write_holds',
    text: `insert into ${schema}.holds as h
        (ledger, id, from_account, to_account, currency, amount, captured, remaining, state, expires_at, reference)
      select $1, id, from_account, to_account, currency, amount, captured, remaining, state,
        to_timestamp(expires_ms / 1e3::float8), reference
      from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::numeric[], $7::numeric[], $8::numeric[],
        $9::${schema}.hold_state[], $10::bigint[], $11::text[])
        as row (id, from_account, to_account, currency, amount, captured, remaining, state, expires_ms, reference)
      on conflict (ledger, id) do update set captured = excluded.captured, remaining = excluded.remaining,
        state = excluded.state`,
  };
}

export function holdValues(ledger: number, holds: readonly HeldAmount[]): readonly unknown[] {
  const column = (value: (hold: HeldAmount) => string | number | bigint | null) => plainArray(holds.map(value));
  return [
    ledger,
    column(({ id }) => id),
    column(({ from }) => from),
    column(({ to }) => to),
    column(({ currency }) => currency),
    column(({ amount }) => amount),
    column(({ captured }) => captured),
    column(({ remaining }) => remaining),
    column(({ state }) => state),
    column(({ expiresAtMs }) => expiresAtMs),
    textArray(holds.map(({ reference }) => reference)),
  ];
}

/**
 * Hold `h` is open in the tables, but its time is over by the database's clock: it counts as expired. The time of the
 * statement, because an index cannot look for a clock that runs on.
 */
const IS_DUE = `h.state = 'open' and h.expires_at <= statement_timestamp()`;

type Side = 'from' | 'to';

/** Holds of one side of an account of ledger $1 that are due, by an index of that side. */
function dueHolds({ schema }: Store, side: Side, account: string): string {
  return `${schema}.holds h where h.${side}_account = ${account} and ${ofLedger('h.')} and ${IS_DUE}`;
}

/**
 * SQL for the pending amount on one side of balance `b` of ledger $1, without holds that are due, which posting does not count either.
 * If nothing is pending, nothing is looked up.
 */
export function pendingOf(store: Store, side: Side): string {
  const due = dueHolds(store, side, 'b.account_id');
  const pending = side === 'from' ? 'b.debits_pending' : 'b.credits_pending';
  return `case when ${pending} = 0 then 0 else ${pending} - coalesce((select sum(h.remaining) from ${due}), 0) end`;
}

/** The number of due holds that one query reads. */
export const DUE_HOLDS_MAX = 1_000;

/** The columns of a due hold that its expiry needs. */
export type DueHold = Pick<HeldAmount, 'id' | 'from' | 'to'>;

/** Open holds of accounts, of either side, whose time is over by the database's clock; the oldest first. */
export function findDueHoldsOf(store: Store): PreparedStatement {
  const of = (side: Side) =>
    `select h.* from unnest($2::uuid[]) given(id) cross join lateral (
       select * from ${dueHolds(store, side, 'given.id')} order by h.expires_at limit $3) h`;
  return {
    name: 'micropay_due_holds_of',
    text: `select id, from_account, to_account from (${of('from')} union ${of('to')}) h
      order by h.expires_at limit $3`,
  };
}

export function toDueHold(row: Row): DueHold {
  return { id: row.id as TransferId, from: row.from_account as AccountId, to: row.to_account as AccountId };
}

/** Ids of a ledger's open holds whose time is over by the database's clock, the oldest first. */
export async function findDueHolds(
  { sql, schema, ledger }: LedgerStore,
  limit: number,
): Promise<readonly TransferId[]> {
  const { rows } = await sql.executeSql(
    `select h.id from ${schema}.holds h where ${ofLedger('h.')} and h.${IN_LEDGER_ORDER} and ${IS_DUE} order by h.expires_at limit $2`,
    [ledger, limit],
  );
  return rows.map(({ id }) => id as TransferId);
}

/** The due holds of one account, some in turn. */
export async function findDueHoldsOfAccount(
  store: LedgerStore,
  account: AccountId,
  limit: number,
): Promise<readonly TransferId[]> {
  const values = [store.ledger, plainArray([account]), limit];
  const { rows } = await store.sql.executeSql(findDueHoldsOf(store).text, values);
  return rows.map((row) => toDueHold(row).id);
}

/** A hold as callers see it, where one that is due counts as expired although nothing was written yet. */
const SHOWN_COLUMNS = `${COLUMNS}, ${IS_DUE} as is_due`;

function toHold(row: Row): Hold {
  const { from, to, id, currency, amount, captured, remaining, state, expiresAtMs, reference } = toHeldAmount(row);
  const isDue = row.is_due === true;
  return result({
    id,
    from,
    to,
    currency,
    amount,
    captured,
    remaining: isDue ? 0n : remaining,
    state: isDue ? 'expired' : state,
    expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs),
    reference,
  });
}

/** @throws {LedgerError} `hold_not_found` */
export async function getHold({ sql, schema, ledger }: LedgerStore, id: TransferId): Promise<Hold> {
  const { rows } = await sql.executeSql(
    `select ${SHOWN_COLUMNS} from ${schema}.holds h where h.ledger = $1 and h.id = $2`,
    [ledger, id],
  );
  if (rows[0] === undefined) {
    throw new LedgerError('hold_not_found', 'no hold in this ledger has this id', { holdId: id });
  }
  return toHold(rows[0]);
}

export interface HoldRange {
  readonly account: AccountId;
  readonly openOnly: boolean;
  /** The id before which the page begins. */
  readonly before: string | undefined;
  readonly limit: number;
}

/** Holds of one account, of either side, by id downwards: ids of the engine's own rise with time. */
export async function listHolds(
  { sql, schema, ledger }: LedgerStore,
  { account, openOnly, before, limit }: HoldRange,
): Promise<readonly Hold[]> {
  const side = (column: 'from_account' | 'to_account') => `(select * from ${schema}.holds h
      where h.ledger = $1 and h.${column} = $2 and ($3::uuid is null or h.id < $3)
        and (not $4 or (h.state = 'open' and (${IS_DUE}) is not true))
      order by h.id desc limit $5)`;
  const { rows } = await sql.executeSql(
    `select ${SHOWN_COLUMNS} from (${side('from_account')} union all ${side('to_account')}) h order by h.id desc limit $5`,
    [ledger, account, before ?? null, openOnly, limit],
  );
  return rows.map(toHold);
}
