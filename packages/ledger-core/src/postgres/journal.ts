import type { AccountId } from '../domain/accounts/account.js';
import type { Balance } from '../domain/decision/balance.js';
import type { JournalRow, StoredRequest } from '../domain/decision/decide.js';
import { transferNotFound } from '../domain/decision/move.js';
import type { Metadata } from '../domain/input/metadata.js';
import { result } from '../domain/json/result.js';
import type { KeyDigest } from '../domain/transfers/idempotency.js';
import type { ContinuedTransfer, Original } from '../domain/transfers/reversal.js';
import type { BalanceAfter, Transfer, TransferId, TransferKind } from '../domain/transfers/transfer.js';
import { type StoredRefusal, storedRefusal, type TransferRequestId } from '../domain/transfers/transfer-request.js';
import { type ArrayEncoding, asTexts, plainArray, textArray } from './arrays.js';
import { epochMs, type PreparedStatement, type Row } from './balances.js';
import { findLoweredMinimums } from './limits.js';
import { probe } from './probe.js';
import type { LedgerStore, Store } from './store.js';
import { insertKeys, transferOfId, transferOfKey } from './transfer-keys.js';

export const TRANSFER_COLUMNS = `t.id, t.kind::text, t.group_id, t.from_account, t.to_account, t.amount::text, t.currency,
  t.description, t.metadata::text, t.reference, ${epochMs('t.recorded_at')} as recorded_ms,
  ${epochMs('t.effective_at')} as effective_ms, t.idempotency_hash, t.request_hash::text,
  t.original_id, t.released::text, ${epochMs('t.expires_at')} as expires_ms,
  t.from_version::text, t.from_posted::text, t.from_pending_in::text, t.from_pending_out::text,
  t.to_version::text, t.to_posted::text, t.to_pending_in::text, t.to_pending_out::text`;

export function toTransfer(row: Row): Transfer {
  const recordedAt = new Date(Number(row.recorded_ms));
  return result({
    id: row.id as TransferId,
    kind: row.kind as TransferKind,
    groupId: row.group_id as TransferId | null,
    from: row.from_account as AccountId,
    to: row.to_account as AccountId,
    amount: BigInt(row.amount as string),
    currency: row.currency as string,
    description: row.description as string | null,
    metadata: toMetadata(row.metadata),
    reference: row.reference as string | null,
    recordedAt,
    effectiveAt: row.effective_ms === null ? recordedAt : new Date(Number(row.effective_ms)),
    originalId: row.original_id as TransferId | null,
    released: BigInt((row.released as string | null) ?? 0),
    expiresAt: row.expires_ms === null ? null : new Date(Number(row.expires_ms)),
    fromBalance: toBalanceAfter(row, 'from'),
    toBalance: toBalanceAfter(row, 'to'),
  });
}

export function toMetadata(json: unknown): Metadata | null {
  return json === null ? null : (JSON.parse(json as string) as Metadata);
}

function toBalanceAfter(row: Row, side: 'from' | 'to'): BalanceAfter {
  return result({
    posted: BigInt(row[`${side}_posted`] as string),
    pendingIn: BigInt((row[`${side}_pending_in`] as string | null) ?? 0),
    pendingOut: BigInt((row[`${side}_pending_out`] as string | null) ?? 0),
    version: BigInt(row[`${side}_version`] as string),
  });
}

/** Ids, and the transfer `t` of each that names one. */
function given(store: Store): string {
  return `unnest($2::uuid[]) given(id) cross join ${transferOfId(store, 'given.id')} t`;
}

/** The transfers that each key has posted. For a key that has posted nothing, its transfer request, open or refused. */
export function findByKeys(store: Store): PreparedStatement {
  const requested = `t.id is null and ledger = $1 and idempotency_hash = given.id and state <> 'posted'`;
  return {
    name: 'micropay_find_keys',
    text: `select ${TRANSFER_COLUMNS}, r.id as request_id, r.idempotency_hash as requested_key,
        r.request_hash::text as requested_hash, r.refusal::text
      from unnest($2::uuid[]) given(id)
      left join ${transferOfKey(store, 'idempotency', 'given.id')} t on true
      left join ${probe(`${store.schema}.transfer_requests`, requested)} r on true
      where t.id is not null or r.id is not null`,
  };
}

export function findByIds(store: Store): PreparedStatement {
  return { name: 'micropay_find_ids', text: `select ${TRANSFER_COLUMNS} from ${given(store)}` };
}

function findByGroups({ schema }: Store): PreparedStatement {
  return {
    name: 'micropay_find_groups',
    text: `select ${TRANSFER_COLUMNS} from ${schema}.transfers t
      where t.ledger = $1 and t.group_id = any($2::uuid[]) order by t.position`,
  };
}

export function findValues(
  { uuids }: ArrayEncoding,
  ledger: number,
  digestsOrIds: readonly string[],
): readonly unknown[] {
  return [ledger, uuids(digestsOrIds)];
}

export interface StoredRequests {
  readonly storedByKey: Map<KeyDigest, StoredRequest>;
  readonly storedById: Map<TransferId, StoredRequest>;
}

type Execute = (statement: PreparedStatement, values: readonly unknown[]) => Promise<readonly Row[]>;

/** Turns the rows that were found into whole requests; a leg of a linked group brings all its group. */
export async function toStoredRequests(
  execute: Execute,
  store: Store,
  ledger: number,
  rows: readonly Row[],
): Promise<StoredRequests> {
  const stored: StoredRequests = { storedByKey: new Map(), storedById: new Map() };
  const groupIds = new Set(rows.map((row) => row.group_id).filter((id) => id !== null));
  const groups = new Map<string, Row[]>();
  if (groupIds.size > 0) {
    const legs = await execute(findByGroups(store), findValues(asTexts, ledger, [...groupIds] as string[]));
    for (const leg of legs) {
      const groupId = leg.group_id as string;
      groups.set(groupId, [...(groups.get(groupId) ?? []), leg]);
    }
  }
  const requests = rows.filter(({ id }) => id !== null).map((row) => groups.get(row.group_id as string) ?? [row]);
  const reversals = requests.flat().filter(({ kind }) => kind === 'reversal');
  const lowered = await findLoweredMinimums(execute, store, { ledger, reversals: reversals.map(toTransfer) });
  for (const legs of requests) remember(stored, legs, lowered);
  for (const row of rows) if (row.id === null) rememberRequested(stored, row);
  return stored;
}

function rememberRequested({ storedByKey }: StoredRequests, row: Row): void {
  const refusal = row.refusal === null ? null : (JSON.parse(row.refusal as string) as StoredRefusal);
  storedByKey.set(toKeyDigest(row.requested_key as string), {
    requestDigest: BigInt(row.requested_hash as string),
    outcome: refusal && storedRefusal(refusal, row.request_id as TransferRequestId),
  });
}

function remember(
  { storedByKey, storedById }: StoredRequests,
  legs: readonly Row[],
  lowered: Awaited<ReturnType<typeof findLoweredMinimums>>,
): void {
  const first = legs[0];
  const requestDigest = first?.request_hash ? BigInt(first.request_hash as string) : null;
  const keyDigest = first?.idempotency_hash ? toKeyDigest(first.idempotency_hash as string) : null;
  const transfers = legs.map(toTransfer).map((transfer) => {
    const loweredMinimums = lowered.get(transfer.id);
    return loweredMinimums === undefined ? transfer : result({ ...transfer, loweredMinimums });
  });
  const request = { requestDigest, outcome: transfers };
  if (keyDigest !== null) storedByKey.set(keyDigest, request);
  for (const { id } of transfers) storedById.set(id, request);
}

function toKeyDigest(uuid: string): KeyDigest {
  return uuid.replaceAll('-', '');
}

/**
 * Writes a decided batch, the keys that it uses up and the balances it leaves. Rows are inserted in the order of the decision, which
 * is the order of their positions. The first bears the mark by which readers learn that the ledger has new rows. The balances
 * exist and are locked: "on conflict" is how each is named by its key, with one plan for one account and for a thousand,
 * whatever the statistics say.
 */
export function writeBatch({ schema }: Store): PreparedStatement {
  return {
    name: 'micropay_write',
    text: `with journal as (
      insert into ${schema}.transfers (ledger, kind, id, from_account, to_account, amount, currency,
        recorded_at, from_version, from_posted, to_version, to_posted, idempotency_hash, request_hash,
        group_id, effective_at, from_pending_in, from_pending_out, to_pending_in, to_pending_out,
        description, metadata, original_id, released, expires_at, traceparent, reference, wakes)
      select $1, coalesce(kind, 'transfer'), id, from_account, to_account, amount, currency,
        to_timestamp(recorded_ms / 1e3::float8), from_version, from_posted, to_version, to_posted,
        idempotency_hash, request_hash, group_id, to_timestamp(effective_ms / 1e3::float8),
        from_pending_in, from_pending_out, to_pending_in, to_pending_out, description, metadata,
        original_id, released, to_timestamp(expires_ms / 1e3::float8), traceparent, reference, wakes
      from unnest($2::${schema}.transfer_kind[], $3::uuid[], $4::uuid[], $5::uuid[], $6::numeric[],
        $7::text[], $8::bigint[], $9::bigint[], $10::numeric[], $11::bigint[], $12::numeric[],
        $13::uuid[], $14::bigint[], $15::uuid[], $16::bigint[], $17::numeric[], $18::numeric[],
        $19::numeric[], $20::numeric[], $21::text[], $22::jsonb[], $23::uuid[], $24::numeric[],
        $25::bigint[], $26::text[], $27::text[], '{true}'::boolean[]) as row (kind, id, from_account,
        to_account, amount, currency, recorded_ms, from_version, from_posted, to_version, to_posted,
        idempotency_hash, request_hash, group_id, effective_ms, from_pending_in, from_pending_out,
        to_pending_in, to_pending_out, description, metadata, original_id, released, expires_ms, traceparent,
        reference, wakes)
      returning position, id, idempotency_hash
    ),
    used as (${insertKeys(schema, '$37')})
    insert into ${schema}.balances as b (ledger, account_id, version, recorded_at, debit_normal,
      currency, debits_posted, credits_posted, debits_pending, credits_pending)
    select $1, account_id, version, to_timestamp(recorded_ms / 1e3::float8), debit_normal, currency,
      debits_posted, credits_posted, debits_pending, credits_pending
    from unnest($28::uuid[], $29::bigint[], $30::bigint[], $31::boolean[], $32::text[], $33::numeric[],
      $34::numeric[], $35::numeric[], $36::numeric[]) as row (account_id, version, recorded_ms,
      debit_normal, currency, debits_posted, credits_posted, debits_pending, credits_pending)
    on conflict (ledger, account_id) do update set version = excluded.version,
      recorded_at = excluded.recorded_at, debits_posted = excluded.debits_posted,
      credits_posted = excluded.credits_posted, debits_pending = excluded.debits_pending,
      credits_pending = excluded.credits_pending`,
  };
}

export function writeValues(
  encoding: ArrayEncoding,
  ledger: number,
  rows: readonly JournalRow[],
  balances: readonly Balance[],
): readonly unknown[] {
  const knownIds = rows.filter(({ isIdKnown }) => isIdKnown).map(({ transfer }) => transfer.id);
  return [ledger, ...journalColumns(encoding, rows), ...balanceColumns(encoding, balances), encoding.uuids(knownIds)];
}

function journalColumns({ uuids, integers }: ArrayEncoding, rows: readonly JournalRow[]): readonly unknown[] {
  const transfers = rows.map(({ transfer }) => transfer);
  const column = <Value>(value: (transfer: Transfer) => Value) => transfers.map(value);
  return [
    sparse(column(({ kind }) => (kind === 'transfer' ? null : kind))),
    uuids(column(({ id }) => id)),
    uuids(column(({ from }) => from)),
    uuids(column(({ to }) => to)),
    plainArray(column(({ amount }) => amount)),
    plainArray(column(({ currency }) => currency)),
    integers(column(({ recordedAt }) => recordedAt.getTime())),
    integers(column(({ fromBalance }) => fromBalance.version)),
    plainArray(column(({ fromBalance }) => fromBalance.posted)),
    integers(column(({ toBalance }) => toBalance.version)),
    plainArray(column(({ toBalance }) => toBalance.posted)),
    uuids(rows.map(({ keyDigest }) => keyDigest)),
    integers(rows.map(({ requestDigest }) => requestDigest)),
    sparse(column(({ groupId }) => groupId)),
    sparse(column(({ effectiveAt, recordedAt }) => (effectiveAt === recordedAt ? null : effectiveAt.getTime()))),
    sparse(column(({ fromBalance }) => fromBalance.pendingIn || null)),
    sparse(column(({ fromBalance }) => fromBalance.pendingOut || null)),
    sparse(column(({ toBalance }) => toBalance.pendingIn || null)),
    sparse(column(({ toBalance }) => toBalance.pendingOut || null)),
    textArray(column(({ description }) => description)),
    textArray(column(({ metadata }) => (metadata === null ? null : JSON.stringify(metadata)))),
    sparse(column(({ originalId }) => originalId)),
    sparse(column(({ released }) => released || null)),
    sparse(column(({ expiresAt }) => expiresAt?.getTime() ?? null)),
    sparse(rows.map(({ traceparent }) => traceparent)),
    textArray(column(({ reference }) => reference)),
  ];
}

/** A column without a single value is sent empty: `unnest` pads it with nulls. */
function sparse(values: readonly (string | number | bigint | null)[]): string {
  return values.every((value) => value === null) ? '{}' : plainArray(values);
}

function balanceColumns({ uuids, integers }: ArrayEncoding, balances: readonly Balance[]): readonly unknown[] {
  const column = <Value>(value: (balance: Balance) => Value) => balances.map(value);
  return [
    uuids(column(({ accountId }) => accountId)),
    integers(column(({ version }) => version)),
    integers(column(({ recordedAtMs }) => recordedAtMs)),
    plainArray(column(({ debitNormal }) => String(debitNormal))),
    plainArray(column(({ currency }) => currency)),
    plainArray(column(({ debitsPosted }) => debitsPosted)),
    plainArray(column(({ creditsPosted }) => creditsPosted)),
    plainArray(column(({ debitsPending }) => debitsPending)),
    plainArray(column(({ creditsPending }) => creditsPending)),
  ];
}

/** Transfers by id with the sum of their reversals; read after the locks of their accounts. */
export function findOriginals(store: Store): PreparedStatement {
  return {
    name: 'micropay_find_originals',
    text: `select ${TRANSFER_COLUMNS}, (
        select coalesce(sum(r.amount), 0)::text from ${store.schema}.transfers r
        where r.ledger = $1 and r.original_id = t.id and r.kind = 'reversal' and r.position > t.position) as reversed
      from ${given(store)}`,
  };
}

export function toOriginal(row: Row): Original {
  return { transfer: toTransfer(row), reversed: BigInt(row.reversed as string) };
}

/** Whose accounts a capture, a release or a reversal concerns, and since when what it continues counts. */
export async function findContinuedTransfers(
  store: LedgerStore,
  ids: readonly TransferId[],
): Promise<readonly ContinuedTransfer[]> {
  const { rows } = await store.sql.executeSql(
    `select t.id, t.from_account, t.to_account, ${epochMs('coalesce(t.effective_at, t.recorded_at)')} as effective_ms
     from ${given(store)}`,
    [store.ledger, plainArray(ids)],
  );
  return rows.map((row) => ({
    id: row.id as TransferId,
    from: row.from_account as AccountId,
    to: row.to_account as AccountId,
    effectiveAt: new Date(Number(row.effective_ms)),
  }));
}

/** The legs of a linked group in their order. */
export async function findGroup(store: LedgerStore, groupId: TransferId): Promise<readonly Transfer[]> {
  const { rows } = await store.sql.executeSql(findByGroups(store).text, findValues(asTexts, store.ledger, [groupId]));
  return rows.map(toTransfer);
}

/** The reversals of a transfer, in order. They all debit one account, whose versions give the order. */
export async function findReversals(
  { sql, schema, ledger }: LedgerStore,
  originalId: TransferId,
  { after, limit }: { readonly after: bigint | undefined; readonly limit: number },
): Promise<readonly Transfer[]> {
  const { rows } = await sql.executeSql(
    `select ${TRANSFER_COLUMNS} from ${schema}.transfers t
     where t.ledger = $1 and t.original_id = $2 and t.kind = 'reversal'
       and ($4::bigint is null or t.from_version > $4)
     order by t.from_version limit $3`,
    [ledger, originalId, limit, after?.toString() ?? null],
  );
  return rows.map(toTransfer);
}

/** @throws {LedgerError} `transfer_not_found` */
export async function getTransfer(store: LedgerStore, id: TransferId): Promise<Transfer> {
  const { rows } = await store.sql.executeSql(findByIds(store).text, findValues(asTexts, store.ledger, [id]));
  if (rows[0] === undefined) throw transferNotFound(id);
  return toTransfer(rows[0]);
}
