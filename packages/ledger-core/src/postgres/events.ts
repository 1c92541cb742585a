import { v7 as uuidv7 } from 'uuid';
import type { JsonValue } from '../domain/json/json.js';
import { activeTraceparent } from '../tracing.js';
import { plainArray, textArray } from './arrays.js';
import type { LedgerStore } from './store.js';
import type { Transaction } from './transaction-adapter.js';

/** An event without a journal row. It is delivered as stored, so its type carries its version. */
export interface EventRow {
  readonly type:
    | 'account.opened.v1'
    | 'account.frozen.v1'
    | 'account.unfrozen.v1'
    | 'account.closed.v1'
    | 'account.limits_changed.v1'
    | 'transfer.requested.v1'
    | 'transfer.refused.v1'
    | 'transfer.request_replayed.v1';
  /** Id of what it is about: an account or a transfer. */
  readonly subject: string;
  readonly data: { readonly [key: string]: JsonValue };
}

/** An event of a request, whose trace it belongs to. */
export interface RequestEventRow extends EventRow {
  readonly traceparent: string | null;
}

/** The same of the application, with the topic that it goes to: no reader has to know its type. */
export interface DomainEventRow extends Omit<EventRow, 'type'> {
  readonly type: string;
  readonly topic: string;
}

/**
 * Call it after the change itself, while its locks are held: the position is drawn here. The change gave
 * the transaction its id, and readers of the log rely on that: an id comes before the positions. The event belongs to the trace
 * that is active.
 */
export async function writeEvent(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { type, subject, data }: EventRow,
): Promise<void> {
  await sql.executeSql(
    `insert into ${schema}.events (recorded_at, ledger, id, type, subject, data, traceparent)
     values (clock_timestamp(), $1, $2, $3, $4, $5, $6)`,
    [ledger, uuidv7(), type, subject, JSON.stringify(data), activeTraceparent()],
  );
}

/** The same for many events, in array order, with one statement; each is of the trace of its own request. */
export async function writeEvents(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  rows: readonly RequestEventRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await sql.executeSql(
    `insert into ${schema}.events (recorded_at, ledger, id, type, subject, data, traceparent)
     select clock_timestamp(), $1, id, type, subject, data, traceparent
     from unnest($2::uuid[], $3::text[], $4::uuid[], $5::jsonb[], $6::text[]) with ordinality
       as row (id, type, subject, data, traceparent, place)
     order by place`,
    [
      ledger,
      plainArray(rows.map(() => uuidv7())),
      plainArray(rows.map(({ type }) => type)),
      plainArray(rows.map(({ subject }) => subject)),
      textArray(rows.map(({ data }) => JSON.stringify(data))),
      textArray(rows.map(({ traceparent }) => traceparent)),
    ],
  );
}

/** Writes a domain event, before whose row nothing may be written yet: takes the transaction's id first. */
export async function writeDomainEvent(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { type, topic, subject, data }: DomainEventRow,
): Promise<void> {
  await sql.executeSql('select pg_current_xact_id()', []);
  await sql.executeSql(
    `insert into ${schema}.events (recorded_at, ledger, id, type, topic, subject, data, traceparent)
     values (clock_timestamp(), $1, $2, $3, $4, $5, $6, $7)`,
    [ledger, uuidv7(), type, topic, subject, JSON.stringify(data), activeTraceparent()],
  );
}
