import type { AccountId } from '../domain/accounts/account.js';
import { invariant } from '../errors.js';
import { ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { dated, readDatedTotals, readWholeBlocks, type Totals } from './dated.js';
import { blockOf } from './version-blocks.js';

/** A balance as of an instant. Pending amounts are only known by recorded time. */
export type BalanceAt =
  | {
      readonly at: Date;
      readonly by: 'recorded';
      readonly posted: bigint;
      readonly pendingIn: bigint;
      readonly pendingOut: bigint;
    }
  | { readonly at: Date; readonly by: 'effective'; readonly posted: bigint };

/** An account, and the last instant that counts. */
export interface AccountMoment {
  readonly accountId: AccountId;
  readonly debitNormal: boolean;
  readonly at: Date;
}

/** An account after the last change that was recorded by an instant. */
export interface RecordedBalance {
  /** 0 before the first change. */
  readonly version: bigint;
  readonly position: bigint;
  readonly posted: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
}

/**
 * Finds the last version that was recorded by an instant, by halving: versions have no gap, and time never runs
 * backwards among them. Fifteen blocks of the history indexes among a million entries.
 */
export async function readRecordedBalance(
  { sql, schema, ledger }: LedgerStore,
  { accountId, at }: Pick<AccountMoment, 'accountId' | 'at'>,
): Promise<RecordedBalance> {
  const recordedIn = (block: string, side: 'from' | 'to') =>
    `from ${schema}.transfers where ${side}_account = $2 and ${blockOf(`${side}_version`)} = ${block}
       and recorded_at <= $3 and ${ofLedger()}`;
  const last = (side: 'from' | 'to') =>
    `select ${side}_version as version, position, ${side}_posted as posted, ${side}_pending_in as pending_in,
       ${side}_pending_out as pending_out ${recordedIn('found.block', side)}`;
  const { rows } = await sql.executeSql(
    `with recursive search (low, high) as (
       select 0::bigint, ${blockOf('version')} from ${schema}.balances where ledger = $1 and account_id = $2
       union all
       select case when begun then middle else low end, case when begun then high else middle - 1 end
       from (select low, high, (low + high + 1) / 2 as middle from search where low < high) half
       left join lateral (
         select true as begun ${recordedIn('half.middle', 'from')} union all select true ${recordedIn('half.middle', 'to')} limit 1
       ) probe on true
     )
     select coalesce(e.version, 0)::text as version, coalesce(e.position, 0)::text as position,
       coalesce(e.posted, 0)::text as posted, coalesce(e.pending_in, 0)::text as pending_in,
       coalesce(e.pending_out, 0)::text as pending_out
     from (select low as block from search where low = high) found
     left join lateral (${last('from')} union all ${last('to')} order by version desc limit 1) e on true`,
    [ledger, accountId, at.toISOString()],
  );
  const [row] = rows;
  invariant(row !== undefined, `account ${accountId} has a balance`);
  return {
    version: BigInt(String(row.version)),
    position: BigInt(String(row.position)),
    posted: BigInt(String(row.posted)),
    pendingIn: BigInt(String(row.pending_in)),
    pendingOut: BigInt(String(row.pending_out)),
  };
}

/**
 * Reads the balance that was effective by an instant: everything recorded by then except dated transfers, plus all dated
 * transfers that were effective by then, whenever they were recorded. Its statements need one snapshot.
 */
export async function readEffectiveBalance(
  store: LedgerStore<Transaction>,
  { accountId, debitNormal, at }: AccountMoment,
): Promise<bigint> {
  const recorded = await readRecordedBalance(store, { accountId, at });
  const position = await readCheckpoint(store);
  const change = ({ debits, credits }: Totals) => (debitNormal ? debits - credits : credits - debits);
  const datedRecorded = await datedByPosition(store, accountId, recorded.position);
  const datedEffective = await datedByInstant(store, { accountId, at, position });
  return recorded.posted - change(datedRecorded) + change(datedEffective);
}

/** The position up to which checkpoints hold the journal of the ledger. */
export async function readCheckpoint({ sql, schema, ledger }: LedgerStore): Promise<bigint> {
  const { rows } = await sql.executeSql(`select position::text from ${schema}.checkpoint where ${ofLedger()}`, [
    ledger,
  ]);
  return BigInt(String(rows[0]?.position ?? 0));
}

/** The last mark, and the dated transfers after it. */
async function datedByPosition(
  store: LedgerStore<Transaction>,
  accountId: AccountId,
  through: bigint,
): Promise<Totals> {
  const { rows } = await store.sql.executeSql(
    `select position::text, debits::text, credits::text from ${store.schema}.dated_marks
     where ledger = $1 and account_id = $2 and position <= $3 order by position desc limit 1`,
    [store.ledger, accountId, String(through)],
  );
  const mark = rows[0] ?? { position: '0', debits: '0', credits: '0' };
  const after = await readDatedTotals(store.sql, dated(store, 'position > $3 and position <= $4'), [
    store.ledger,
    accountId,
    String(mark.position),
    String(through),
  ]);
  return {
    debits: BigInt(String(mark.debits)) + after.debits,
    credits: BigInt(String(mark.credits)) + after.credits,
  };
}

/** The blocks up to an instant, the rows of the block that it falls within, and those after the checkpoint. */
async function datedByInstant(
  store: LedgerStore<Transaction>,
  { accountId, at, position }: { readonly accountId: AccountId; readonly at: Date; readonly position: bigint },
): Promise<Totals> {
  const { openFrom, lines } = await readWholeBlocks(store, { scope: accountId, at });
  const checkpoint = String(position);
  // Written as an expression, so that the planner does not choose the other index because of it.
  const late = await readDatedTotals(store.sql, dated(store, 'position > $3 and (effective_at <= $4) is true'), [
    store.ledger,
    accountId,
    checkpoint,
    at.toISOString(),
  ]);
  const within =
    openFrom === null
      ? { debits: 0n, credits: 0n }
      : await readDatedTotals(
          store.sql,
          dated(store, 'effective_at >= $5 and effective_at <= $4 and position + 0 <= $3'),
          [store.ledger, accountId, checkpoint, at.toISOString(), openFrom],
        );
  const parts = [...lines, late, within];
  return {
    debits: parts.reduce((sum, { debits }) => sum + debits, 0n),
    credits: parts.reduce((sum, { credits }) => sum + credits, 0n),
  };
}
