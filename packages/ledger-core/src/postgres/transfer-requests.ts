import type { Metadata } from '../domain/input/metadata.js';
import type { KeyDigest, RequestDigest } from '../domain/transfers/idempotency.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import type {
  CheckedTransferRequest,
  RequestedMovement,
  StoredRefusal,
  TransferRequest,
  TransferRequestId,
  TransferRequestState,
} from '../domain/transfers/transfer-request.js';
import { LedgerError } from '../errors.js';
import { plainArray, textArray } from './arrays.js';
import { epochMs, type Row } from './balances.js';
import { ofLedger } from './of-ledger.js';
import type { LedgerStore } from './store.js';
import type { Transaction } from './transaction-adapter.js';
import { transferOfKey } from './transfer-keys.js';

/** A transfer request with the digests that identify it. */
export interface RequestRow extends TransferRequest {
  readonly keyDigest: KeyDigest;
  readonly requestDigest: RequestDigest;
  /** The trace of who asked for it; null if that was not sampled. */
  readonly traceparent: string | null;
}

/** A new transfer request with its ids. */
export interface NewRequest extends Omit<CheckedTransferRequest, 'traceparent'> {
  readonly id: TransferRequestId;
  readonly transferId: TransferId;
  readonly traceparent: string | null;
}

/** The outcome of a request. */
export interface Settlement {
  readonly id: TransferRequestId;
  readonly state: Exclude<TransferRequestState, 'requested'>;
  readonly transferId: TransferId;
  readonly refusal: StoredRefusal | null;
}

const BACKLOG_COUNTED_MAX = 1_000_000;
const COLUMNS = `r.id, r.state, r.transfer_id, r.idempotency_hash, r.request_hash::text, r.request::text, r.requested_by,
  ${epochMs('r.requested_at')} as requested_ms, ${epochMs('r.settled_at')} as settled_ms, r.refusal::text, r.traceparent`;

/** A request as it is stored: what its caller said, amounts and instants as texts. */
interface StoredMovement extends Omit<RequestedMovement, 'amount' | 'metadata' | 'effectiveAt'> {
  readonly amount: string;
  readonly metadata?: Metadata;
  readonly effectiveAt?: string;
}

export interface InsertedRequests {
  readonly ids: ReadonlySet<string>;
  /** Ids of those that are not stored, because their key has posted something else. */
  readonly reused: ReadonlySet<string>;
}

/**
 * Stores transfer requests in array order, except those whose key is stored already or has posted something else. Waits for
 * other transactions that are storing one of the keys.
 */
export async function insertRequests(
  store: LedgerStore<Transaction>,
  requests: readonly NewRequest[],
): Promise<InsertedRequests> {
  const { sql, schema, ledger } = store;
  const { rows } = await sql.executeSql(
    `with given as materialized (
       select row.*, coalesce(t.request_hash <> row.request_hash, false) as is_reused
       from unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[], $6::text[], $7::jsonb[], $8::text[])
         with ordinality as row (id, transfer_id, idempotency_hash, request_hash, requested_by, request, traceparent, place)
       left join ${transferOfKey(store, 'idempotency', 'row.idempotency_hash')} t on true
     ),
     inserted as (
       insert into ${schema}.transfer_requests (requested_at, ledger, id, transfer_id, idempotency_hash,
         request_hash, requested_by, request, traceparent)
       select clock_timestamp(), $1, id, transfer_id, idempotency_hash, request_hash, requested_by, request, traceparent
       from given where not is_reused order by place
       on conflict (ledger, idempotency_hash) do nothing
       returning id
     )
     select id, false as is_reused from inserted union all select id, true from given where is_reused`,
    [
      ledger,
      plainArray(requests.map(({ id }) => id)),
      plainArray(requests.map(({ transferId }) => transferId)),
      plainArray(requests.map(({ keyDigest }) => keyDigest)),
      plainArray(requests.map(({ requestDigest }) => requestDigest)),
      textArray(requests.map(({ requestedBy }) => requestedBy)),
      textArray(requests.map(({ leg }) => JSON.stringify(toStored(leg)))),
      textArray(requests.map(({ traceparent }) => traceparent)),
    ],
  );
  const idsOf = (isReused: boolean) =>
    new Set(rows.filter((row) => row.is_reused === isReused).map(({ id }) => String(id)));
  return { ids: idsOf(false), reused: idsOf(true) };
}

function toStored({
  from,
  to,
  amount,
  currency,
  description,
  metadata,
  reference,
  effectiveAt,
}: RequestedMovement): StoredMovement {
  return {
    from,
    to,
    amount: String(amount),
    currency,
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(reference === undefined ? {} : { reference }),
    ...(effectiveAt === undefined ? {} : { effectiveAt: effectiveAt.toISOString() }),
  };
}

export async function findRequestsByKeys(
  { sql, schema, ledger }: LedgerStore,
  keys: readonly KeyDigest[],
): Promise<ReadonlyMap<KeyDigest, RequestRow>> {
  const { rows } = await sql.executeSql(
    `select ${COLUMNS} from ${schema}.transfer_requests r where r.ledger = $1 and r.idempotency_hash = any($2::uuid[])`,
    [ledger, plainArray(keys)],
  );
  return new Map(rows.map(toRequestRow).map((row) => [row.keyDigest, row]));
}

/** @throws {LedgerError} `transfer_request_not_found` */
export async function getRequest({ sql, schema, ledger }: LedgerStore, id: TransferRequestId): Promise<RequestRow> {
  const { rows } = await sql.executeSql(
    `select ${COLUMNS} from ${schema}.transfer_requests r where r.ledger = $1 and r.id = $2`,
    [ledger, id],
  );
  if (rows[0] === undefined) {
    throw new LedgerError('transfer_request_not_found', 'no transfer request in this ledger has this id', {
      transferRequestId: id,
    });
  }
  return toRequestRow(rows[0]);
}

/** The open requests. */
export interface RequestBacklog {
  /** Open requests, counted up to a million. */
  readonly rows: number;
  /** Age of the oldest of them; 0 when there is none. */
  readonly seconds: number;
}

export async function readBacklog({ sql, schema, ledger }: LedgerStore): Promise<RequestBacklog> {
  const open = (columns: string, limit: number) =>
    `(select ${columns} from ${schema}.transfer_requests where ledger = $1 and state = 'requested' order by number limit ${limit}) r`;
  const { rows } = await sql.executeSql(
    `select (select count(*) from ${open('number', BACKLOG_COUNTED_MAX)}) as rows,
       (select extract(epoch from clock_timestamp() - requested_at) from ${open('requested_at', 1)})::text as seconds`,
    [ledger],
  );
  return { rows: Number(rows[0]?.rows), seconds: Math.max(0, Number(rows[0]?.seconds ?? 0)) };
}

/**
 * Locks the oldest requests that are due, but for those that another worker has, until the transaction ends. None is put
 * off for a minute: one that is was put off before the database's clock was set back.
 */
export async function claimRequests(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  limit: number,
): Promise<readonly RequestRow[]> {
  const { rows } = await sql.executeSql(
    `select ${COLUMNS} from ${schema}.transfer_requests r
     where r.ledger = $1 and r.state = 'requested' and (r.due_at is null or r.due_at <= clock_timestamp() or r.due_at > clock_timestamp() + interval '1 minute')
     order by r.number limit $2 for no key update skip locked`,
    [ledger, limit],
  );
  return rows.map(toRequestRow);
}

/** Writes outcomes, of requests that this transaction has claimed. Their ids are named for the index, apart from the join. */
export async function settleRequests(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  settlements: readonly Settlement[],
): Promise<void> {
  await sql.executeSql(
    `update ${schema}.transfer_requests r
     set state = s.state, transfer_id = s.transfer_id, refusal = s.refusal, settled_at = statement_timestamp()
     from unnest($2::uuid[], $3::${schema}.transfer_request_state[], $4::uuid[], $5::jsonb[])
       as s (id, state, transfer_id, refusal)
     where ${ofLedger('r.')} and r.id = any($2::uuid[]) and r.id = s.id`,
    [
      ledger,
      plainArray(settlements.map(({ id }) => id)),
      plainArray(settlements.map(({ state }) => state)),
      plainArray(settlements.map(({ transferId }) => transferId)),
      textArray(settlements.map(({ refusal }) => (refusal === null ? null : JSON.stringify(refusal)))),
    ],
  );
}

/** Leaves claimed requests for later. */
export async function putOffRequests(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { ids, delayMs }: { readonly ids: readonly TransferRequestId[]; readonly delayMs: number },
): Promise<void> {
  await sql.executeSql(
    `update ${schema}.transfer_requests set due_at = statement_timestamp() + $3 * interval '1 millisecond'
     where ledger = $1 and id = any($2::uuid[])`,
    [ledger, plainArray(ids), delayMs],
  );
}

function toRequestRow(row: Row): RequestRow {
  const { amount, effectiveAt, ...movement } = JSON.parse(row.request as string) as StoredMovement;
  return {
    ...movement,
    amount: BigInt(amount),
    ...(effectiveAt === undefined ? {} : { effectiveAt: new Date(effectiveAt) }),
    id: row.id as TransferRequestId,
    state: row.state as TransferRequestState,
    transferId: row.transfer_id as TransferId,
    requestedBy: row.requested_by as string | null,
    requestedAt: new Date(Number(row.requested_ms)),
    settledAt: row.settled_ms === null ? null : new Date(Number(row.settled_ms)),
    refusal: row.refusal === null ? null : (JSON.parse(row.refusal as string) as StoredRefusal),
    keyDigest: (row.idempotency_hash as string).replaceAll('-', ''),
    traceparent: row.traceparent as string | null,
    requestDigest: BigInt(row.request_hash as string),
  };
}
