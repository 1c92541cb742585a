import { result } from '../domain/json/result.js';
import type { Transfer } from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import { epochMs, type Row } from './balances.js';
import type { RunAll } from './connect.js';
import { TRANSFER_COLUMNS, toTransfer } from './journal.js';
import { ofLedger } from './of-ledger.js';
import { probe } from './probe.js';
import type { ConnectedStore, Store } from './store.js';
import type { SqlExecutor } from './transaction-adapter.js';

interface LogRowBase {
  /** Place in the one order over all ledgers. */
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
  readonly oldestRunning: bigint;
  readonly rows: readonly LogRow[];
}

function side(name: 'from' | 'to', alias: string): string {
  return `${alias}.address as ${name}_address, ${alias}.type in ('asset', 'expense') as ${name}_debit_normal,
    case when ${alias}_limits.data is null then ${alias}_balance.minimum::text
      else ${alias}_limits.data->>'minimumBefore' end as ${name}_minimum`;
}

/** The minimum of a position is the one before its next change, and the present one when there was none. */
function limitsAfter(schema: string, alias: string, account: string, ledger: string): string {
  return `left join lateral (
      select e.data from ${schema}.events e
      where ${ofLedger('e.', ledger)} and e.type = 'account.limits_changed.v1' and e.subject = t.${account} and e.position > t.position
      order by e.position limit 1) ${alias}_limits on true`;
}

/** Statements of one snapshot: the rows after a position, upwards, and the oldest running transaction. */
export async function readLog(
  snapshot: RunAll,
  { schema }: Store,
  { after, limit }: { readonly after: bigint; readonly limit: number },
): Promise<LogSnapshot> {
  const range = [String(after), limit];
  const [oldest = [], transfers = [], domainEvents = []] = await snapshot([
    [OLDEST_RUNNING, []],
    [selectTransfers(schema, ALL_LEDGERS), range],
    [selectDomainEvents(schema, ALL_LEDGERS), range],
  ]);
  return { oldestRunning: toId(oldest), rows: inOrder(transfers, domainEvents, limit) };
}

/** The rows of one ledger after a position and up to another, upwards. */
export async function readLedgerLog(
  run: RunAll,
  { schema }: Store,
  { ledger, after, through, limit }: LedgerLogRange,
): Promise<readonly LogRow[]> {
  const range = [String(after), limit, ledger, String(through)];
  const [transfers = [], domainEvents = []] = await run([
    [selectTransfers(schema, ONE_LEDGER), range],
    [selectDomainEvents(schema, ONE_LEDGER), range],
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

function inOrder(transfers: readonly Row[], domainEvents: readonly Row[], limit: number): readonly LogRow[] {
  return [...transfers.map(toTransferRow), ...domainEvents.map(toDomainEventRow)]
    .sort((a, b) => (a.position < b.position ? -1 : 1))
    .slice(0, limit);
}

/** The rows after position $1 that are read, and the ledger of what is joined to the transfer `t`. */
interface LogScope {
  readonly condition: string;
  readonly ledger: string;
}

const ALL_LEDGERS: LogScope = { condition: 'position > $1', ledger: 't.ledger' };
const ONE_LEDGER: LogScope = {
  condition: `${ofLedger('', '$3')} and position > $1 and position <= $4`,
  ledger: '$3',
};

function selectTransfers(schema: string, { condition, ledger }: LogScope): string {
  const account = (id: string) => probe(`${schema}.accounts`, `${ofLedger('', ledger)} and id = ${id}`);
  const balance = (id: string) => probe(`${schema}.balances`, `${ofLedger('', ledger)} and account_id = ${id}`);
  return `select t.position::text, t.traceparent, l.name as ledger_name, ${TRANSFER_COLUMNS}, ${side('from', 'f')}, ${side('to', 'c')}
    from (select * from ${schema}.transfers where ${condition} order by position limit $2) t
    left join ${schema}.ledgers l on l.id = t.ledger
    left join ${account('t.from_account')} f on true
    left join ${balance('t.from_account')} f_balance on true
    left join ${account('t.to_account')} c on true
    left join ${balance('t.to_account')} c_balance on true
    ${limitsAfter(schema, 'f', 'from_account', ledger)}
    ${limitsAfter(schema, 'c', 'to_account', ledger)}
    order by t.position`;
}

function selectDomainEvents(schema: string, { condition }: LogScope): string {
  return `select e.position::text, l.name as ledger_name, e.id, e.type, e.topic, e.subject, e.data::text, e.traceparent,
      ${epochMs('e.recorded_at')} as recorded_ms
    from (select * from ${schema}.events where ${condition} order by position limit $2) e
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
export function unreadable(position: bigint, why: string): LedgerError {
  const remedy = 'upgrade this process if a later release wrote it, otherwise repair the row';
  return new LedgerError('event_unreadable', `readers wait at position ${position}: ${why}; ${remedy}`, {
    position: String(position),
  });
}

function toSide(row: Row, name: 'from' | 'to'): SideRow {
  const address = row[`${name}_address`] as string | null;
  if (address === null) {
    throw unreadable(BigInt(row.position as string), `transfer ${row.id} names an account that is not there`);
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

/** Hands out a transaction id and ends the transaction: every id that was handed out before is smaller. */
export async function nextTransactionId(sql: SqlExecutor): Promise<bigint> {
  const { rows } = await sql.executeSql('select pg_current_xact_id()::text as id', []);
  return toId(rows);
}

const OLDEST_RUNNING = 'select pg_snapshot_xmin(pg_current_snapshot())::text as id';

function toId(rows: readonly Row[]): bigint {
  return BigInt(String(rows[0]?.id));
}

/** The highest position of a committed row; 0 when there is none. */
export async function lastPosition({ sql, schema }: ConnectedStore): Promise<bigint> {
  const { rows } = await sql.executeSql(`select ${highest(schema, '0')}::text as position`, []);
  return BigInt(String(rows[0]?.position));
}

function highest(schema: string, atLeast: string): string {
  return `greatest(
    (select position from ${schema}.transfers order by position desc limit 1),
    (select position from ${schema}.events order by position desc limit 1),
    ${atLeast})`;
}

export interface EventRange {
  /** Some events up to this position have been deleted: a reader that resumes from before it may have missed them. */
  readonly deletedThrough: bigint;
  /** The highest position of a committed event, over all ledgers, though it may have been deleted. */
  readonly last: bigint;
}

/** The position up to which events have been deleted. Read after a page, it covers everything missing from that page. */
export async function readDeletedThrough({ sql, schema }: ConnectedStore): Promise<bigint> {
  const { rows } = await sql.executeSql(
    `select coalesce((select deleted_through from ${schema}.event_retention), 0)::text as position`,
    [],
  );
  return BigInt(String(rows[0]?.position));
}

/** The range of positions that a reader can resume from without missing events. */
export async function readEventRange({ sql, schema }: ConnectedStore): Promise<EventRange> {
  const { rows } = await sql.executeSql(
    `select through::text as deleted_through, ${highest(schema, 'through')}::text as last
     from (select coalesce((select deleted_through from ${schema}.event_retention), 0) as through) deleted`,
    [],
  );
  return result({ deletedThrough: BigInt(String(rows[0]?.deleted_through)), last: BigInt(String(rows[0]?.last)) });
}
