import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import type { VerifyProblem } from './report.js';

export interface AccountChunk {
  readonly accounts: number;
  /** Where the next chunk begins; undefined after the last account. */
  readonly lastAccount: string | undefined;
  readonly problems: readonly VerifyProblem[];
}

/** Holds the accounts after `after`, in order of id, against their journal rows. */
export async function accountProblems(
  transaction: TransactionAdapter,
  { schema }: Store,
  ledger: number,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<AccountChunk> {
  const { rows: chunk } = await transaction.executeSql(
    `select id from ${schema}.accounts where ledger = $1 and ($2::uuid is null or id > $2) order by id limit $3`,
    [ledger, after, limit],
  );
  const ids = chunk.map(({ id }) => String(id));
  const lastAccount = ids.length < limit ? undefined : ids.at(-1);
  const { rows } = await transaction.executeSql(accountChecks(schema), [ledger, `{${ids.join(',')}}`]);
  const { rows: strays } = await transaction.executeSql(
    `select 'unknown_account' as kind, b.account_id, null as transfer_id,
       'an account of this ledger' as expected, 'a balance alone' as found
     from ${schema}.balances b
     where b.ledger = $1 and ($2::uuid is null or b.account_id > $2) and ($3::uuid is null or b.account_id <= $3)
       and not exists (select from ${schema}.accounts a where a.ledger = b.ledger and a.id = b.account_id)`,
    [ledger, after, lastAccount ?? null],
  );
  return { accounts: ids.length, lastAccount, problems: [...rows, ...strays].map(toProblem) };
}

/**
 * `entry` puts each entry beside the one before it, so that every row can be judged alone; `total` sums
 * the entries of each account.
 */
function accountChecks(schema: string): string {
  return `
    with account as materialized (
      select a.id, a.currency, a.type in ('asset', 'expense') as debit_normal, b.account_id is null as is_missing,
        b.version, b.recorded_at, b.debits_posted, b.credits_posted, b.currency as balance_currency,
        b.debit_normal as balance_debit_normal,
        case when b.debit_normal then b.debits_pending else b.credits_pending end as pending_in,
        case when b.debit_normal then b.credits_pending else b.debits_pending end as pending_out
      from unnest($2::uuid[]) chunk(id)
      join ${schema}.accounts a on a.ledger = $1 and a.id = chunk.id
      left join ${schema}.balances b on b.ledger = a.ledger and b.account_id = a.id
    ),
    entry as materialized (
      select e.account_id, e.transfer_id, e.direction, e.version, e.recorded_at, e.currency, e.posted,
        e.pending_in, e.pending_out, a.currency as account_currency,
        case when e.kind in ('transfer', 'capture', 'reversal') then e.amount else 0 end as moved,
        case when (e.direction = 'debit') = a.debit_normal then 1 else -1 end as sign,
        lag(e.version, 1, 0::bigint) over account_order as version_before,
        lag(e.posted, 1, 0::numeric) over account_order as posted_before,
        lag(e.recorded_at) over account_order as recorded_before,
        lead(e.version) over account_order as version_after
      from account a join ${schema}.entries e on e.account_id = a.id and e.ledger = $1
      window account_order as (partition by e.account_id order by e.version)
    ),
    total as (
      select account_id, max(version) as version, max(recorded_at) as recorded_at,
        coalesce(sum(moved) filter (where direction = 'debit'), 0) as debits,
        coalesce(sum(moved) filter (where direction = 'credit'), 0) as credits,
        max(pending_in) filter (where version_after is null) as pending_in,
        max(pending_out) filter (where version_after is null) as pending_out
      from entry group by account_id
    )
    select 'version_gap' as kind, account_id, transfer_id,
      (version_before + 1)::text as expected,
      version || case when version in (version_before, version_after) then ', twice' else '' end as found
    from entry where version <> version_before + 1 or version = version_after
    union all
    select 'wrong_running_balance', account_id, transfer_id, (posted_before + sign * moved)::text, posted::text
    from entry where posted <> posted_before + sign * moved
    union all
    select 'time_runs_backwards', account_id, transfer_id, 'not before ' || recorded_before, recorded_at::text
    from entry where recorded_at < recorded_before
    union all
    select 'time_runs_backwards', a.id, null, 'not before ' || t.recorded_at, a.recorded_at::text
    from account a join total t on t.account_id = a.id where a.recorded_at < t.recorded_at
    union all
    select 'wrong_currency', account_id, transfer_id, account_currency, currency
    from entry where currency <> account_currency
    union all
    select 'missing_balance', id, null, 'a row of balances', 'none' from account where is_missing
    union all
    select 'wrong_balance', a.id, null,
      format('version %s, debits %s, credits %s, pending in %s, pending out %s, %s, %s', coalesce(t.version, 0),
        coalesce(t.debits, 0), coalesce(t.credits, 0), coalesce(t.pending_in, 0), coalesce(t.pending_out, 0),
        a.currency, case when a.debit_normal then 'debit' else 'credit' end),
      format('version %s, debits %s, credits %s, pending in %s, pending out %s, %s, %s', a.version,
        a.debits_posted, a.credits_posted, a.pending_in, a.pending_out,
        a.balance_currency, case when a.balance_debit_normal then 'debit' else 'credit' end)
    from account a left join total t on t.account_id = a.id
    where not a.is_missing and (a.version, a.debits_posted, a.credits_posted, a.pending_in, a.pending_out,
        a.balance_currency, a.balance_debit_normal)
      is distinct from (coalesce(t.version, 0), coalesce(t.debits, 0), coalesce(t.credits, 0),
        coalesce(t.pending_in, 0), coalesce(t.pending_out, 0), a.currency, a.debit_normal)`;
}

interface JournalChunk {
  readonly transfers: number;
  readonly isLast: boolean;
  readonly problems: readonly VerifyProblem[];
}

/** Journal rows of a range of positions whose accounts do not exist in this ledger. */
export async function strayTransfers(
  transaction: TransactionAdapter,
  { schema }: Store,
  ledger: number,
  { after, upTo }: { readonly after: bigint; readonly upTo: bigint },
): Promise<JournalChunk> {
  const range = [ledger, String(after), String(upTo)];
  const { rows: counted } = await transaction.executeSql(
    `select count(*)::text as transfers,
       not exists (select from ${schema}.transfers where position > $3::bigint) as is_last
     from ${schema}.transfers where ledger = $1 and position > $2::bigint and position <= $3::bigint`,
    range,
  );
  const { rows } = await transaction.executeSql(
    `select 'unknown_account' as kind, side.account_id, t.id as transfer_id,
       'an account of this ledger' as expected, 'none' as found
     from ${schema}.transfers t
     cross join lateral (values (t.from_account), (t.to_account)) side(account_id)
     where t.ledger = $1 and t.position > $2::bigint and t.position <= $3::bigint
       and not exists (
         select from ${schema}.accounts a where a.ledger = t.ledger and a.id = side.account_id)`,
    range,
  );
  return {
    transfers: Number(counted[0]?.transfers),
    isLast: counted[0]?.is_last === true,
    problems: rows.map(toProblem),
  };
}

function toProblem(row: Readonly<Record<string, unknown>>): VerifyProblem {
  return {
    kind: row.kind as VerifyProblem['kind'],
    accountId: row.account_id as string | null,
    transferId: row.transfer_id as string | null,
    expected: String(row.expected),
    found: String(row.found),
  };
}
