import type { AccountId } from '../domain/accounts/account.js';
import { plainArray } from '../postgres/arrays.js';
import { ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import { blockOf } from './version-blocks.js';

/** A column that rises with an account's versions, or stays the same. */
export type RisesWithVersions = 'position' | 'recorded_at';

/**
 * For each account the last block of versions with a row that lies before a value, by halving; 0 without one. Positions rise
 * with an account's versions, and its recorded times never fall, so that rows from the value on are in this block or a later one, and
 * rows before it in this one or an earlier one.
 */
export async function findBlocksBefore(
  { sql, schema, ledger }: LedgerStore,
  accountIds: readonly AccountId[],
  { column, value }: { readonly column: RisesWithVersions; readonly value: string },
): Promise<readonly number[]> {
  const before = (side: 'from' | 'to') =>
    `select true as found from ${schema}.transfers where ${side}_account = half.account_id
       and ${blockOf(`${side}_version`)} = half.middle and ${column} < $3 and ${ofLedger()}`;
  const { rows } = await sql.executeSql(
    `with recursive search (place, account_id, low, high) as (
       select place, given.account_id, 0::bigint, ${blockOf('b.version')}
       from unnest($2::uuid[]) with ordinality given(account_id, place)
       cross join ${probe(`${schema}.balances`, `${ofLedger()} and account_id = given.account_id`)} b
       union all
       select place, account_id, case when found then middle else low end, case when found then high else middle - 1 end
       from (select *, (low + high + 1) / 2 as middle from search where low < high) half
       left join lateral (${before('from')} union all ${before('to')} limit 1) probe on true
     )
     select low::text as block from search where low = high order by place`,
    [ledger, plainArray(accountIds), value],
  );
  return rows.map(({ block }) => Number(block));
}
