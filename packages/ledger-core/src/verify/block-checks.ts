import { MOVING, WHOLE_LEDGER } from '../history/dated.js';
import { accountsInOrder, IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { outOfStep, type VerifyProblem } from './report.js';

/** The blocks of a scope that begin at an instant or after it, and before another. */
export interface BlockPart {
  readonly scope: string;
  readonly starts_at: string;
  readonly ends_at: string;
}

interface ScopeChunk {
  /** All blocks of accounts that have no more entries together than one snapshot takes. */
  readonly parts: readonly BlockPart[];
  /** An account that has more by itself. */
  readonly long: string | undefined;
  /** The next chunk begins after this account; undefined after the last one. */
  readonly lastAccount: string | undefined;
}

export function wholeScope(scope: string): BlockPart {
  return { scope, starts_at: '-infinity', ends_at: 'infinity' };
}

/** The accounts after `after`, in order of id, as many as have together no more dated entries than their blocks claim. */
export async function pickScopes(
  { sql, schema, ledger }: LedgerStore,
  { after, accounts, entries }: { readonly after: string | null; readonly accounts: number; readonly entries: number },
): Promise<ScopeChunk> {
  const { rows } = await sql.executeSql(
    `select a.id, (select coalesce(sum(b.entries), 0)::text from ${schema}.dated_blocks b
       where b.ledger = $1 and b.scope = a.id) as entries
     from ${schema}.accounts a where ${ofLedger('a.')} and ${accountsInOrder('a.')} and ($2::uuid is null or a.id > $2) order by a.id limit $3`,
    [ledger, after, accounts],
  );
  const parts: BlockPart[] = [];
  let claimed = 0;
  for (const row of rows) {
    claimed += Number(row.entries);
    if (claimed > entries) break;
    parts.push(wholeScope(String(row.id)));
  }
  const next = rows[parts.length];
  const long = next !== undefined && Number(next.entries) > entries ? String(next.id) : undefined;
  const isLast = next === undefined && rows.length < accounts;
  return { parts, long, lastAccount: isLast ? undefined : (long ?? parts.at(-1)?.scope) };
}

/** The blocks of a scope that begin after an instant: at least one, and as many as have so many entries. */
export async function nextBlocks(
  { sql, schema, ledger }: LedgerStore,
  { scope, after, entries }: { readonly scope: string; readonly after: string | null; readonly entries: number },
): Promise<{ readonly part: BlockPart; readonly last: string } | undefined> {
  const { rows } = await sql.executeSql(
    `select starts_at::text, ends_at::text from (
       select starts_at, lead(starts_at, 1, 'infinity') over by_start as ends_at, sum(sum(entries)) over by_start as through,
         row_number() over by_start as place
       from ${schema}.dated_blocks
       where ledger = $1 and scope = $2 and ($3::timestamptz is null or starts_at > $3)
       group by starts_at window by_start as (order by starts_at)
     ) b where place = 1 or through <= $4 order by starts_at`,
    [ledger, scope, after, entries],
  );
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) return undefined;
  // Rows before the first block are in no block.
  const starts_at = after === null ? '-infinity' : String(first.starts_at);
  return { part: { scope, starts_at, ends_at: String(last.ends_at) }, last: String(last.starts_at) };
}

/** Holds blocks against the dated entries that belong to them; entries that no block reaches over count as a block of their own. */
export async function checkBlocks(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  parts: readonly BlockPart[],
): Promise<readonly VerifyProblem[]> {
  if (parts.length === 0) return [];
  const { rows } = await sql.executeSql(blockDifferences(schema), [ledger, JSON.stringify(parts)]);
  return rows.map(outOfStep);
}

function blockDifferences(schema: string): string {
  const isDated = `t.effective_at is not null and t.${MOVING} and t.effective_at >= part.starts_at and t.effective_at < part.ends_at
    and t.position + 0 <= (select position from ${schema}.checkpoint where ledger = $1)`;
  const ofAccount = (side: 'from' | 'to') =>
    `select t.effective_at, t.currency, t.amount, t.${side}_account as account_id, ${side === 'from'} as is_debit
     from ${schema}.transfers t where t.${side}_account = part.scope and ${ofLedger('t.')} and ${isDated}`;
  const ofWhole = `select t.effective_at, t.currency, t.amount, side.account_id, side.is_debit
     from ${schema}.transfers t cross join lateral (values (t.from_account, true), (t.to_account, false)) side(account_id, is_debit)
     where part.scope = '${WHOLE_LEDGER}' and ${ofLedger('t.')} and t.${IN_LEDGER_ORDER} and ${isDated}`;
  const line = (row: string) => `case when ${row}.scope is null then 'none' else format(
    'block from %s, %s %s: %s entries to %s, debits %s, credits %s', coalesce(${row}.starts_at::text, 'nowhere'), ${row}.currency,
    ${row}.type, ${row}.entries, ${row}.last_at, ${row}.debits, ${row}.credits) end`;
  return `
    with part as materialized (
      select scope, starts_at, ends_at
      from jsonb_to_recordset($2::jsonb) given (scope uuid, starts_at timestamptz, ends_at timestamptz)
    ),
    said as (
      select part.scope, block.starts_at, e.currency, a.type, max(e.effective_at) as last_at, count(*)::integer as entries,
        coalesce(sum(e.amount) filter (where e.is_debit), 0) as debits,
        coalesce(sum(e.amount) filter (where not e.is_debit), 0) as credits
      from part
      cross join lateral (${ofAccount('from')} union all ${ofAccount('to')} union all ${ofWhole}) e
      cross join ${probe(`${schema}.accounts`, 'ledger = $1 and id = e.account_id')} a
      cross join lateral (
        select max(b.starts_at) as starts_at from ${schema}.dated_blocks b
        where b.ledger = $1 and b.scope = part.scope and b.starts_at <= e.effective_at
      ) block
      group by part.scope, block.starts_at, e.currency, a.type
    ),
    stored as (
      select b.scope, b.starts_at, b.currency, b.type, b.last_at, b.entries, b.debits, b.credits
      from part join ${schema}.dated_blocks b on b.ledger = $1 and b.scope = part.scope
        and b.starts_at >= part.starts_at and b.starts_at < part.ends_at
    )
    select nullif(coalesce(said.scope, stored.scope), '${WHOLE_LEDGER}') as account_id, ${line('said')} as expected,
      ${line('stored')} as found
    from said full join stored using (scope, starts_at, currency, type)
    where said is distinct from stored`;
}
