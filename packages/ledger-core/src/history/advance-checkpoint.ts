import { IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore, Store } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { dated, MOVING, WHOLE_LEDGER } from './dated.js';
import { joinSides } from './sides.js';

/** The distance between two checkpoints, and so the most that a reader reads row by row. */
export interface CheckpointSizes {
  /** Transfers of the ledger that one step adds. */
  readonly stretch: number;
  /** A block with more entries than twice its part is split, between instants: one instant alone never is. */
  readonly accountPart: number;
  readonly ledgerPart: number;
  /** Dated entries of an account from one mark to the next. */
  readonly mark: number;
}

export const CHECKPOINT_SIZES: CheckpointSizes = { stretch: 5_000, accountPart: 500, ledgerPart: 5_000, mark: 500 };

/**
 * Adds the next stretch of a ledger's journal to its checkpoints, if all its positions are settled. All of it commits
 * together with the position that it reaches, under that row's lock, so that every row of the journal is added once.
 * Answers where the checkpoints are now; undefined when another process is at work on them.
 */
export async function advanceCheckpoint(
  store: LedgerStore<Transaction>,
  { settled, sizes }: { readonly settled: bigint; readonly sizes: CheckpointSizes },
): Promise<{ readonly position: bigint; readonly moved: boolean } | undefined> {
  const { schema, ledger } = store;
  // The planner knows nothing yet of blocks that were just made, and would read all of them for each entry.
  await store.sql.executeSql('set local enable_seqscan = off', []);
  const { rows } = await store.sql.executeSql(
    `select position::text from ${schema}.checkpoint where ${ofLedger()} for update skip locked`,
    [ledger],
  );
  if (rows[0] === undefined) return undefined;
  const position = BigInt(String(rows[0].position));
  const through = await endOfStretch(store, { position, settled, transfers: sizes.stretch });
  if (through === undefined) return { position, moved: false };
  const stretch = [ledger, String(position), String(through)];
  await addStretch(store, stretch);
  await addToBlocks(store, stretch);
  await splitBlocks(store, stretch, sizes);
  await addMarks(store, stretch, sizes);
  await store.sql.executeSql(`update ${schema}.checkpoint set position = $2 where ${ofLedger()}`, [
    ledger,
    String(through),
  ]);
  return { position: through, moved: true };
}

/** Makes the row of a ledger that has no checkpoints yet. */
export async function beginCheckpoints({ sql, schema, ledger }: LedgerStore): Promise<void> {
  const { rows } = await sql.executeSql(`select from ${schema}.checkpoint where ${ofLedger()}`, [ledger]);
  if (rows.length > 0) return;
  await sql.executeSql(`insert into ${schema}.checkpoint (ledger) values ($1) on conflict do nothing`, [ledger]);
}

/** The position of the last transfer of the next stretch; undefined while it is not full. */
async function endOfStretch(
  { sql, schema, ledger }: LedgerStore,
  given: { readonly position: bigint; readonly settled: bigint; readonly transfers: number },
): Promise<bigint | undefined> {
  const { position, settled, transfers } = given;
  const { rows } = await sql.executeSql(
    `select position::text from ${schema}.transfers
     where ${ofLedger()} and ${IN_LEDGER_ORDER} and position > $2 and position <= $3 order by position offset $4 limit 1`,
    [ledger, String(position), String(settled), transfers - 1],
  );
  return rows[0] && BigInt(String(rows[0].position));
}

/** Forgets all checkpoints of a ledger; the next steps make them anew. */
export async function forgetCheckpoints({ sql, schema, ledger }: LedgerStore<Transaction>): Promise<void> {
  await sql.executeSql(`select from ${schema}.checkpoint where ${ofLedger()} for update`, [ledger]);
  for (const table of ['journal_stretches', 'dated_blocks', 'dated_marks']) {
    await sql.executeSql(`delete from ${schema}.${table} where ${ofLedger()}`, [ledger]);
  }
  await sql.executeSql(`update ${schema}.checkpoint set position = 0 where ${ofLedger()}`, [ledger]);
}

/** Rows of the journal of ledger $1 in a stretch. */
const IN_STRETCH = `${ofLedger('t.')} and t.${IN_LEDGER_ORDER} and t.position > $2 and t.position <= $3`;

/** Both entries of the transfers of a stretch, with the type of their account. */
function entriesOfStretch(schema: string): string {
  return `select side.account_id, t.currency, a.type, t.recorded_at, t.effective_at, side.debit, side.credit
    from ${schema}.transfers t
    ${joinSides(schema, '$1')}
    where ${IN_STRETCH} and t.${MOVING}`;
}

/** The sums that the stretch moved, and the times of its first and last row. */
async function addStretch({ sql, schema }: LedgerStore, stretch: readonly unknown[]): Promise<void> {
  await sql.executeSql(
    `insert into ${schema}.journal_stretches (ledger, begins_after, through, currency, type,
       first_recorded_at, last_recorded_at, debits, credits, dated_debits, dated_credits)
     select $1, $2, $3, currency, type, min(min(recorded_at)) over (), max(max(recorded_at)) over (),
       sum(debit), sum(credit),
       coalesce(sum(debit) filter (where effective_at is not null), 0),
       coalesce(sum(credit) filter (where effective_at is not null), 0)
     from (${entriesOfStretch(schema)}) e group by currency, type`,
    stretch,
  );
}

/** Each dated entry goes to the block of its account, and to that of its ledger, which reach over its instant. */
async function addToBlocks({ sql, schema }: LedgerStore, stretch: readonly unknown[]): Promise<void> {
  await sql.executeSql(
    `insert into ${schema}.dated_blocks as b
       (ledger, scope, starts_at, currency, type, last_at, entries, debits, credits)
     select $1, e.scope, coalesce(block.starts_at, '-infinity'), e.currency, e.type,
       max(e.effective_at), sum(e.entries), sum(e.debit), sum(e.credit)
     from (
       select scope.id as scope, e.currency, e.type, e.effective_at,
         count(*) as entries, sum(e.debit) as debit, sum(e.credit) as credit
       from (${entriesOfStretch(schema)} and t.effective_at is not null) e
       cross join lateral (values (e.account_id), ('${WHOLE_LEDGER}'::uuid)) scope(id)
       group by scope.id, e.currency, e.type, e.effective_at
     ) e
     left join lateral (
       select starts_at from ${schema}.dated_blocks known
       where ${ofLedger('known.')} and known.scope = e.scope and known.starts_at <= e.effective_at
       order by known.starts_at desc limit 1
     ) block on true
     group by 2, 3, 4, 5
     on conflict on constraint dated_blocks_pkey do update set
       last_at = greatest(b.last_at, excluded.last_at), entries = b.entries + excluded.entries,
       debits = b.debits + excluded.debits, credits = b.credits + excluded.credits`,
    stretch,
  );
}

/** The scopes that the stretch has dated entries of. */
function scopesOfStretch(schema: string): string {
  return `select distinct scope.id as scope from ${schema}.transfers t
    cross join lateral (values (t.from_account), (t.to_account), ('${WHOLE_LEDGER}'::uuid)) scope(id)
    where ${IN_STRETCH} and t.effective_at is not null`;
}

async function splitBlocks(store: LedgerStore, stretch: readonly unknown[], sizes: CheckpointSizes): Promise<void> {
  const { rows } = await store.sql.executeSql(
    `select b.scope, b.starts_at::text,
       coalesce((select min(next.starts_at) from ${store.schema}.dated_blocks next
         where ${ofLedger('next.')} and next.scope = b.scope and next.starts_at > b.starts_at),
         'infinity')::text as ends_at
     from (${scopesOfStretch(store.schema)}) s
     join ${store.schema}.dated_blocks b on ${ofLedger('b.')} and b.scope = s.scope
     group by b.scope, b.starts_at
     having sum(b.entries) > case b.scope when '${WHOLE_LEDGER}' then ${2 * sizes.ledgerPart}
         else ${2 * sizes.accountPart} end
       and b.starts_at < max(b.last_at)`,
    stretch,
  );
  for (const { scope, starts_at, ends_at } of rows) {
    await splitBlock(store, [store.ledger, scope, starts_at, ends_at, stretch[2]], sizes);
  }
}

/**
 * Parts end where so many entries have been counted, but never within an instant: an instant that reaches over
 * such an end is a part of its own. Each part begins at its first instant.
 */
async function splitBlock(store: LedgerStore, block: readonly unknown[], sizes: CheckpointSizes): Promise<void> {
  const { schema } = store;
  const [ledger, scope, startsAt] = block;
  const isWhole = scope === WHOLE_LEDGER;
  const partSize = isWhole ? sizes.ledgerPart : sizes.accountPart;
  const inBlock = `effective_at >= $3::timestamptz and effective_at < $4::timestamptz and position + 0 <= $5`;
  await store.sql.executeSql(
    `delete from ${schema}.dated_blocks where ledger = $1 and scope = $2 and starts_at = $3::timestamptz`,
    [ledger, scope, startsAt],
  );
  await store.sql.executeSql(
    `with entry as materialized (${isWhole ? datedOfLedger(store, inBlock) : datedOfAccount(store, inBlock)}),
     instant as (
       select effective_at, count(*) as entries, sum(count(*)) over (order by effective_at) as through
       from entry group by effective_at
     ),
     part as (
       select effective_at, min(effective_at) over (
         partition by div(through - entries, ${partSize}), div(through - 1, ${partSize})) as starts_at
       from instant
     )
     insert into ${schema}.dated_blocks (ledger, scope, starts_at, currency, type, last_at, entries, debits, credits)
     select $1, $2, part.starts_at, entry.currency, entry.type, max(entry.effective_at), count(*),
       sum(entry.debit), sum(entry.credit)
     from entry join part on part.effective_at = entry.effective_at
     group by part.starts_at, entry.currency, entry.type`,
    block,
  );
}

function datedOfAccount(store: Store, condition: string): string {
  return `select e.*, a.type from (${dated(store, condition)}) e
    join ${store.schema}.accounts a on a.ledger = $1 and a.id = $2`;
}

function datedOfLedger(store: Store, condition: string): string {
  return datedEntriesOfLedger(store, `$2::uuid is not null and ${condition}`);
}

/** Selects both entries of the dated transfers of ledger $1, with the type of their account. */
export function datedEntriesOfLedger({ schema }: Store, condition: string): string {
  return `select t.currency, a.type, t.effective_at, side.debit, side.credit
    from (select * from ${schema}.transfers
      where ${ofLedger()} and ${IN_LEDGER_ORDER} and effective_at is not null and ${MOVING} and ${condition}) t
    ${joinSides(schema, '$1')}`;
}

/** The blocks of an account sum to what its dated entries moved up to the end of the stretch. */
async function addMarks(
  { sql, schema }: LedgerStore,
  stretch: readonly unknown[],
  sizes: CheckpointSizes,
): Promise<void> {
  await sql.executeSql(
    `insert into ${schema}.dated_marks (ledger, account_id, position, entries, debits, credits)
     select $1, b.scope, $3, sum(b.entries), sum(b.debits), sum(b.credits)
     from (${scopesOfStretch(schema)}) s
     join ${schema}.dated_blocks b on ${ofLedger('b.')} and b.scope = s.scope
     where b.scope <> '${WHOLE_LEDGER}'
     group by b.scope
     having sum(b.entries) >= ${sizes.mark} + coalesce((
       select m.entries from ${schema}.dated_marks m
       where ${ofLedger('m.')} and m.account_id = b.scope order by m.position desc limit 1), 0)`,
    stretch,
  );
}
