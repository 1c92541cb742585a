import { result } from '../domain/json/result.js';
import type { Transfer } from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import { epochMs, type Row } from './balances.js';
import type { RunAll } from './connect.js';
import { TRANSFER_COLUMNS, toTransfer } from './journal.js';
import { EVENTS_IN_ORDER, IN_LEDGER_ORDER, ofLedger } from './of-ledger.js';
import { probe } from './probe.js';
import type { LedgerStore, Store } from './store.js';

interface LogRowBase {
  /** Place in the order of its ledger. */
  readonly position: bigint;
  /** Name of the ledger. */
  readonly ledger: string;
  readonly recordedAt: Date;
  /** The trace of the request that wrote it; null if it was not sampled. */
  readonly traceparent: string | null;
}

/** A journal row, with what its events say beyond it. */
export interface TransferRow extends LogRowBase {
  readonly kind: 'transfer';
  readonly transfer: Transfer;
  readonly from: SideRow;
  readonly to: SideRow;
}

/** The account of one side of a transfer: its address, normal side, and minimum at that position. */
export interface SideRow {
  readonly address: string;
  readonly debitNormal: boolean;
  readonly minimum: bigint | null;
}

/** A domain event, which stores its own data. */
export interface DomainEventRow extends LogRowBase {
  readonly kind: 'domain';
  readonly id: string;
  readonly type: string;
  /** Where a domain event goes; null for an event of the ledger itself. */
  readonly topic: string | null;
  readonly subject: string;
  readonly data: unknown;
}

export type LogRow = TransferRow | DomainEventRow;

export interface LogSnapshot {
  /** The oldest transaction id that was running. */
  readonly oldestRunning: bigint;
  /** Greater than every id of a transaction that had ended. */
  readonly nextId: bigint;
  readonly rows: readonly LogRow[];
}

function side(name: 'from' | 'to', alias: string): string {
  return `${alias}.address as ${name}_address, ${alias}.type in ('asset', 'expense') as ${name}_debit_normal,
    case when ${alias}_limits.data is null then ${alias}_balance.minimum::text
      else ${alias}_limits.data->>'minimumBefore' end as ${name}_minimum`;
}

/** The minimum of a position is the one before its next change, and the present one when there was none. */
function limitsAfter(schema: string, alias: string, account: string): string {
  return `left join lateral (
      select e.data from ${schema}.events e
      where ${ofLedger('e.')} and e.type = 'account.limits_changed.v1' and e.subject = t.${account} and e.position > t.position
      order by e.position limit 1) ${alias}_limits on true`;
}

/** Statements of one snapshot: the rows of a ledger after a position, upwards, and the transactions that it sees as running. */
export async function readLog(
  snapshot: RunAll,
  { schema }: Store,
  { ledger, after, limit }: { readonly ledger: number; readonly after: bigint; readonly limit: number },
): Promise<LogSnapshot> {
  const range = [ledger, String(after), POSITION_MAX, limit];
  const [horizon = [], transfers = [], domainEvents = []] = await snapshot([
    [
      `select pg_snapshot_xmin(s)::text as oldest_running, pg_snapshot_xmax(s)::text as next_id
       from pg_current_snapshot() s, ${onNodeOf(schema)}`,
      [ledger],
    ],
    [selectTransfers(schema), range],
    [selectDomainEvents(schema), range],
  ]);
  return {
    oldestRunning: BigInt(String(horizon[0]?.oldest_running)),
    nextId: BigInt(String(horizon[0]?.next_id)),
    rows: inOrder(transfers, domainEvents, limit),
  };
}

const POSITION_MAX = String(2n ** 63n - 1n);

/** The rows of one ledger after a position and up to another, upwards. */
export async function readLedgerLog(
  run: RunAll,
  { schema }: Store,
  { ledger, after, through, limit }: LedgerLogRange,
): Promise<readonly LogRow[]> {
  const range = [ledger, String(after), String(through), limit];
  const [transfers = [], domainEvents = []] = await run([
    [selectTransfers(schema), range],
    [selectDomainEvents(schema), range],
  ]);
  return inOrder(transfers, domainEvents, limit);
}

export interface LedgerLogRange {
  /** The ledger's number. */
  readonly ledger: number;
  readonly after: bigint;
  readonly through: bigint;
  readonly limit: number;
}

/** One row, whatever the ledger has. A statement that reads it is answered by the node on which the ledger is, where there are several. */
function onNodeOf(schema: string): string {
  return `(select count(*) from ${schema}.event_retention where ${ofLedger()}) node`;
}

function inOrder(transfers: readonly Row[], domainEvents: readonly Row[], limit: number): readonly LogRow[] {
  return [...transfers.map(toTransferRow), ...domainEvents.map(toDomainEventRow)]
    .sort((a, b) => (a.position < b.position ? -1 : 1))
    .slice(0, limit);
}

const IN_RANGE = `${ofLedger()} and position > $2 and position <= $3`;

function selectTransfers(schema: string): string {
  const account = (id: string) => probe(`${schema}.accounts`, `${ofLedger()} and id = ${id}`);
  const balance = (id: string) => probe(`${schema}.balances`, `${ofLedger()} and account_id = ${id}`);
  return `select t.position::text, t.traceparent, l.name as ledger_name, ${TRANSFER_COLUMNS}, ${side('from', 'f')}, ${side('to', 'c')}
    from (select * from ${schema}.transfers where ${IN_RANGE} and ${IN_LEDGER_ORDER} order by position limit $4) t
    left join ${schema}.ledgers l on l.id = t.ledger
    left join ${account('t.from_account')} f on true
    left join ${balance('t.from_account')} f_balance on true
    left join ${account('t.to_account')} c on true
    left join ${balance('t.to_account')} c_balance on true
    ${limitsAfter(schema, 'f', 'from_account')}
    ${limitsAfter(schema, 'c', 'to_account')}
    order by t.position`;
}

function selectDomainEvents(schema: string): string {
  return `select e.position::text, l.name as ledger_name, e.id, e.type, e.topic, e.subject, e.data::text, e.traceparent,
      ${epochMs('e.recorded_at')} as recorded_ms
    from (select * from ${schema}.events where ${IN_RANGE} and ${EVENTS_IN_ORDER} order by position limit $4) e
    join ${schema}.ledgers l on l.id = e.ledger order by e.position`;
}

function toTransferRow(row: Row): TransferRow {
  const transfer = toTransfer(row);
  return {
    kind: 'transfer',
    position: BigInt(row.position as string),
    ledger: row.ledger_name as string,
    recordedAt: transfer.recordedAt,
    traceparent: row.traceparent as string | null,
    transfer,
    from: toSide(row, 'from'),
    to: toSide(row, 'to'),
  };
}

/** Stops a reader at a row that it cannot read: skipping the row would lose it. */
export function unreadable({ ledger, position }: Pick<LogRow, 'ledger' | 'position'>, why: string): LedgerError {
  const remedy = 'upgrade this process if a later release wrote it, otherwise repair the row';
  return new LedgerError(
    'event_unreadable',
    `readers of ledger ${ledger} wait at position ${position}: ${why}; ${remedy}`,
    { ledger, position: String(position) },
  );
}

/** True of what stops a reader at a row of one ledger, and keeps it from no other. */
export function isUnreadable(error: unknown): boolean {
  return error instanceof LedgerError && error.code === 'event_unreadable';
}

function toSide(row: Row, name: 'from' | 'to'): SideRow {
  const address = row[`${name}_address`] as string | null;
  if (address === null) {
    const at = { ledger: row.ledger_name as string, position: BigInt(row.position as string) };
    throw unreadable(at, `transfer ${row.id} names an account that is not there`);
  }
  const minimum = row[`${name}_minimum`] as string | null;
  return {
    address,
    debitNormal: row[`${name}_debit_normal`] as boolean,
    minimum: minimum === null ? null : BigInt(minimum),
  };
}

function toDomainEventRow(row: Row): DomainEventRow {
  return {
    kind: 'domain',
    position: BigInt(row.position as string),
    ledger: row.ledger_name as string,
    recordedAt: new Date(Number(row.recorded_ms)),
    traceparent: row.traceparent as string | null,
    id: row.id as string,
    type: row.type as string,
    topic: row.topic as string | null,
    subject: row.subject as string,
    data: JSON.parse(row.data as string),
  };
}

/** Hands out a transaction id and ends the transaction: every id that was handed out before is smaller. It is of the ledger's node. */
export async function nextTransactionId({ sql, schema, ledger }: LedgerStore): Promise<bigint> {
  const { rows } = await sql.executeSql(`select pg_current_xact_id()::text as id from ${onNodeOf(schema)}`, [ledger]);
  return BigInt(String(rows[0]?.id));
}

/** The highest position of a committed row of the ledger; 0 when there is none. */
export async function lastPosition({ sql, schema, ledger }: LedgerStore): Promise<bigint> {
  const { rows } = await sql.executeSql(`select ${highest(schema, '0')}::text as position`, [ledger]);
  return BigInt(String(rows[0]?.position));
}

function highest(schema: string, atLeast: string): string {
  const last = (table: string, condition: string) =>
    `(select position from ${schema}.${table} where ${ofLedger()} and ${condition} order by position desc limit 1)`;
  return `greatest(${last('transfers', IN_LEDGER_ORDER)}, ${last('events', EVENTS_IN_ORDER)}, ${atLeast})`;
}

export interface EventRange {
  /** Some events up to this position have been deleted: a reader that resumes from before it may have missed them. */
  readonly deletedThrough: bigint;
  /** The highest position of a committed event of the ledger, though it may have been deleted. */
  readonly last: bigint;
}

function deletedThrough(schema: string): string {
  return `coalesce((select deleted_through from ${schema}.event_retention where ${ofLedger()}), 0)`;
}

/** The position up to which events of the ledger have been deleted. Read after a page, it covers everything missing from that page. */
export async function readDeletedThrough({ sql, schema, ledger }: LedgerStore): Promise<bigint> {
  const { rows } = await sql.executeSql(`select ${deletedThrough(schema)}::text as position`, [ledger]);
  return BigInt(String(rows[0]?.position));
}

/** The number of rows of the ledger after a position; counting stops at `countMax`. */
export async function countRowsAfter(
  { sql, schema, ledger }: LedgerStore,
  after: bigint,
  countMax: number,
): Promise<number> {
  const count = (table: string, condition: string) =>
    `(select count(*) from (select from ${schema}.${table}
       where ${ofLedger()} and ${condition} and position > $2 order by position limit $3) counted)`;
  const { rows } = await sql.executeSql(
    `select least(${count('transfers', IN_LEDGER_ORDER)} + ${count('events', EVENTS_IN_ORDER)}, $3) as count`,
    [ledger, String(after), countMax],
  );
  return Number(rows[0]?.count);
}

/** The range of positions that a reader of the ledger can resume from without missing events. */
export async function readEventRange({ sql, schema, ledger }: LedgerStore): Promise<EventRange> {
  const { rows } = await sql.executeSql(
    `select through::text as deleted_through, ${highest(schema, 'through')}::text as last
     from (select ${deletedThrough(schema)} as through) deleted`,
    [ledger],
  );
  return result({ deletedThrough: BigInt(String(rows[0]?.deleted_through)), last: BigInt(String(rows[0]?.last)) });
}
