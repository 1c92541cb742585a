import { blockOf } from '../history/version-blocks.js';
import { EVENTS_IN_ORDER, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import type { AccountPart } from './account-chunk.js';
import { toProblem, type VerifyProblem } from './report.js';

/**
 * Retention deletes the oldest events, except changes of limits. So an account that was opened after the oldest event left
 * must still have its own. The two times are read one after the other, and rounded.
 */
const CLOCK_TOLERANCE = '1 second';

export interface CheckedPart {
  readonly part: AccountPart;
  readonly entries: number;
  /** The first version after this part; null when the account ends with it. */
  readonly nextVersion: string | null;
}

interface CheckedParts {
  readonly parts: readonly CheckedPart[];
  readonly problems: readonly VerifyProblem[];
}

/** Holds parts of accounts against their journal rows, and those that end with their part against the balance. */
export async function checkAccountParts(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  parts: readonly AccountPart[],
): Promise<CheckedParts> {
  const { rows: oldest } = await sql.executeSql(
    `select recorded_at::text from ${schema}.events
     where ${ofLedger()} and ${EVENTS_IN_ORDER} and type <> 'account.limits_changed.v1' order by position limit 1`,
    [ledger],
  );
  const values = [ledger, JSON.stringify(parts), oldest[0]?.recorded_at ?? null];
  const { rows } = await sql.executeSql(accountChecks(schema), values);
  // Numbers come as texts: JSON would round them.
  const problems = JSON.parse(String(rows[0]?.problems)) as Record<string, unknown>[];
  const ends = JSON.parse(String(rows[0]?.parts)) as (AccountPart & { entries: string; next_version: string | null })[];
  return {
    parts: ends.map(({ entries, next_version, ...part }) => ({
      part,
      entries: Number(entries),
      nextVersion: next_version,
    })),
    problems: problems.map(toProblem),
  };
}

/** Balances in a range of accounts that have no account. */
export async function strayBalances(
  { sql, schema, ledger }: LedgerStore,
  { after, upTo }: { readonly after: string | null; readonly upTo: string | undefined },
): Promise<readonly VerifyProblem[]> {
  const { rows } = await sql.executeSql(
    `select 'unknown_account' as kind, b.account_id, null as transfer_id,
       'an account of this ledger' as expected, 'a balance alone' as found
     from ${schema}.balances b left join ${probe(`${schema}.accounts`, `${ofLedger()} and id = b.account_id`)} a on true
     where ${ofLedger('b.')} and a.id is null and ($2::uuid is null or b.account_id > $2) and ($3::uuid is null or b.account_id <= $3)`,
    [ledger, after, upTo ?? null],
  );
  return rows.map(toProblem);
}

/** One side of the journal, as the entries of the accounts that stand on it. */
function entriesOf(schema: string, side: 'from' | 'to'): string {
  return `select t.id as transfer_id, ${side === 'from'} as is_debit, t.${side}_version as version, t.position, t.recorded_at, t.kind,
      t.amount, coalesce(t.released, 0) as released, t.currency, t.${side}_posted as posted, coalesce(t.${side}_pending_in, 0) as pending_in,
      coalesce(t.${side}_pending_out, 0) as pending_out
    from ${schema}.transfers t
    where t.${side}_account = a.id and t.${side}_version > a.after and t.${side}_version <= a.up_to
      and ${blockOf(`t.${side}_version`)} between ${blockOf('a.after')} and ${blockOf('a.up_to')} and ${ofLedger('t.')}`;
}

function firstVersionAfter(schema: string, side: 'from' | 'to'): string {
  const block = blockOf(`t.${side}_version`);
  return `(select t.${side}_version from ${schema}.transfers t
    where t.${side}_account = a.id and t.${side}_version > a.up_to and ${block} >= ${blockOf('a.up_to')} and ${ofLedger('t.')}
    order by ${block}, t.${side}_version limit 1)`;
}

function limitsInWords(minimum: string, maximum: string): string {
  return `format('minimum %s, maximum %s', coalesce(${minimum}, 'none'), coalesce(${maximum}, 'none'))`;
}

/**
 * `entry` puts each entry beside the one before it, so that every row can be judged alone; `total` adds the
 * part to what was carried into it. Versions are bounded on both sides by the indexes of the histories, whatever
 * the planner believes of an account.
 */
function accountChecks(schema: string): string {
  return `
    with account as materialized (
      select a.id, a.currency, a.type in ('asset', 'expense') as debit_normal, a.opened_at, b.account_id is null as is_missing,
        b.version as balance_version, b.recorded_at as balance_recorded_at, b.debits_posted, b.credits_posted,
        b.currency as balance_currency, b.debit_normal as balance_debit_normal, b.minimum, b.maximum,
        case when b.debit_normal then b.debits_pending else b.credits_pending end as balance_pending_in,
        case when b.debit_normal then b.credits_pending else b.debits_pending end as balance_pending_out,
        part.is_first, part.after, part.up_to, part.version, part.posted, part.pending_in, part.pending_out, part.recorded_at,
        part.position, part.debits, part.credits
      from jsonb_to_recordset($2::jsonb) part (id uuid, is_first boolean, after bigint, up_to bigint, version bigint, posted numeric,
        pending_in numeric, pending_out numeric, recorded_at timestamptz(3), position bigint, debits numeric, credits numeric)
      cross join ${probe(`${schema}.accounts`, 'ledger = $1 and id = part.id')} a
      left join ${probe(`${schema}.balances`, 'ledger = $1 and account_id = part.id')} b on true
    ),
    entry as materialized (
      select a.id as account_id, e.transfer_id, e.is_debit, e.version, e.position, e.recorded_at, e.currency, e.posted, e.pending_in,
        e.pending_out, a.currency as account_currency,
        case when e.kind in ('transfer', 'capture', 'reversal') then e.amount else 0 end as moved,
        case e.kind when 'hold' then e.amount when 'capture' then -e.amount - e.released when 'release' then -e.amount
          when 'expiry' then -e.amount else 0 end as held,
        e.is_debit = a.debit_normal as raises,
        lag(e.version, 1, a.version) over account_order as version_before,
        lag(e.posted, 1, a.posted) over account_order as posted_before,
        lag(e.pending_in, 1, a.pending_in) over account_order as pending_in_before,
        lag(e.pending_out, 1, a.pending_out) over account_order as pending_out_before,
        lag(e.recorded_at, 1, a.recorded_at) over account_order as recorded_before,
        lag(e.position, 1, a.position) over account_order as position_before,
        lead(e.version) over account_order as version_after
      from account a cross join lateral (
        ${entriesOf(schema, 'from')}
        union all
        ${entriesOf(schema, 'to')}
      ) e
      window account_order as (partition by a.id order by e.version)
    ),
    total as materialized (
      select a.id, a.after, a.up_to, count(e.version) as entries, coalesce(max(e.version), a.version) as version,
        coalesce(max(e.posted) filter (where e.version_after is null), a.posted) as posted,
        coalesce(max(e.pending_in) filter (where e.version_after is null), a.pending_in) as pending_in,
        coalesce(max(e.pending_out) filter (where e.version_after is null), a.pending_out) as pending_out,
        greatest(max(e.recorded_at), a.recorded_at) as recorded_at,
        coalesce(max(e.position) filter (where e.version_after is null), a.position) as position,
        a.debits + coalesce(sum(e.moved) filter (where e.is_debit), 0) as debits,
        a.credits + coalesce(sum(e.moved) filter (where not e.is_debit), 0) as credits,
        least(${firstVersionAfter(schema, 'from')}, ${firstVersionAfter(schema, 'to')}) as next_version
      from account a left join entry e on e.account_id = a.id
      group by a.id, a.after, a.up_to, a.version, a.posted, a.pending_in, a.pending_out, a.recorded_at, a.position, a.debits, a.credits
    ),
    problem (kind, account_id, transfer_id, expected, found) as (
      select 'version_gap', account_id, transfer_id, (version_before + 1)::text,
        version || case when version in (version_before, version_after) then ', twice' else '' end
      from entry where version <> version_before + 1 or version = version_after
      union all
      select 'wrong_running_balance', account_id, transfer_id,
        (posted_before + case when raises then moved else -moved end)::text, posted::text
      from entry where posted <> posted_before + case when raises then moved else -moved end
      union all
      select 'wrong_running_pending', account_id, transfer_id,
        format('in %s, out %s', pending_in_before + case when raises then held else 0 end,
          pending_out_before + case when raises then 0 else held end),
        format('in %s, out %s', pending_in, pending_out)
      from entry where pending_in <> pending_in_before + case when raises then held else 0 end
        or pending_out <> pending_out_before + case when raises then 0 else held end
      union all
      select 'time_runs_backwards', account_id, transfer_id, 'not before ' || recorded_before, recorded_at::text
      from entry where recorded_at < recorded_before
      union all
      select 'position_out_of_order', account_id, transfer_id, 'after ' || position_before, position::text
      from entry where position <= position_before
      union all
      select 'wrong_currency', account_id, transfer_id, account_currency, currency
      from entry where currency <> account_currency
      union all
      select 'missing_balance', id, null, 'a row of balances', 'none' from account
      where is_missing and is_first
      union all
      select 'missing_event', id, null, 'an event account.opened', 'none' from account
      where is_first and opened_at > $3::timestamptz + interval '${CLOCK_TOLERANCE}'
        and not exists (select from ${schema}.events e
          where e.subject = account.id and e.type = 'account.opened.v1' and e.ledger = $1)
      union all
      select 'wrong_limits', account.id, null, ${limitsInWords("(recorded->>'minimum')", "(recorded->>'maximum')")},
        ${limitsInWords('account.minimum::text', 'account.maximum::text')}
      from account cross join lateral (select coalesce(
        (select e.data from ${schema}.events e where e.subject = account.id and e.type = 'account.limits_changed.v1' and e.ledger = $1
          order by e.position desc limit 1),
        (select e.data from ${schema}.events e where e.subject = account.id and e.type = 'account.opened.v1' and e.ledger = $1
          limit 1)) as recorded) limit_events
      where is_first and not is_missing and recorded is not null
        and (account.minimum, account.maximum) is distinct from ((recorded->>'minimum')::numeric, (recorded->>'maximum')::numeric)
      union all
      select 'time_runs_backwards', a.id, null, 'not before ' || t.recorded_at, a.balance_recorded_at::text
      from account a join total t using (id) where t.next_version is null and a.balance_recorded_at < t.recorded_at
      union all
      select 'wrong_balance', a.id, null,
        format('version %s, debits %s, credits %s, pending in %s, pending out %s, %s, %s', t.version,
          t.debits, t.credits, t.pending_in, t.pending_out,
          a.currency, case when a.debit_normal then 'debit' else 'credit' end),
        format('version %s, debits %s, credits %s, pending in %s, pending out %s, %s, %s', a.balance_version,
          a.debits_posted, a.credits_posted, a.balance_pending_in, a.balance_pending_out,
          a.balance_currency, case when a.balance_debit_normal then 'debit' else 'credit' end)
      from account a join total t using (id)
      where t.next_version is null and not a.is_missing
        and (a.balance_version, a.debits_posted, a.credits_posted, a.balance_pending_in, a.balance_pending_out,
          a.balance_currency, a.balance_debit_normal)
        is distinct from (t.version, t.debits, t.credits, t.pending_in, t.pending_out, a.currency, a.debit_normal)
    )
    select
      (select coalesce(jsonb_agg(to_jsonb(p)), '[]') from problem p)::text as problems,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'is_first', false, 'after', after::text, 'up_to', up_to::text,
          'entries', entries::text, 'version', version::text, 'posted', posted::text, 'pending_in', pending_in::text,
          'pending_out', pending_out::text, 'recorded_at', recorded_at, 'position', position::text, 'debits', debits::text,
          'credits', credits::text, 'next_version', next_version::text)), '[]') from total)::text as parts`;
}
