import { MOVING } from '../history/dated.js';
import { IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { transferOfId } from '../postgres/transfer-keys.js';
import { toProblem, type VerifyProblem } from './report.js';

export interface JournalChunk {
  readonly transfers: number;
  /** The next chunk begins after this position, past missing ones; undefined after the last row. */
  readonly nextAfter: bigint | undefined;
  readonly problems: readonly VerifyProblem[];
}

/**
 * Rows of a range of positions that do not fit what they name, accounts, holds, and the transfers that they continue, or
 * the keys that they have used up, or that no checkpoint counts although the checkpoints are past them.
 */
export async function checkPositions(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { after, upTo }: { readonly after: bigint; readonly upTo: bigint },
): Promise<JournalChunk> {
  const range = [ledger, String(after), String(upTo)];
  const { rows: counted } = await sql.executeSql(
    `select count(*)::text as transfers from ${schema}.transfers
     where ${ofLedger()} and ${IN_LEDGER_ORDER} and position > $2::bigint and position <= $3::bigint`,
    range,
  );
  const { rows: following } = await sql.executeSql(
    `select (min(position) - 1)::text as next_after from ${schema}.transfers
     where ${ofLedger()} and ${IN_LEDGER_ORDER} and position > $2`,
    [ledger, String(upTo)],
  );
  const { rows } = await sql.executeSql(positionChecks(schema), range);
  const next = following[0]?.next_after;
  return {
    transfers: Number(counted[0]?.transfers),
    nextAfter: typeof next === 'string' ? BigInt(next) : undefined,
    problems: rows.map(toProblem),
  };
}

function positionChecks(schema: string): string {
  return `
    with row as materialized (
      select position, kind, id, from_account, to_account, currency, original_id, idempotency_hash
      from ${schema}.transfers where ${ofLedger()} and ${IN_LEDGER_ORDER} and position > $2::bigint and position <= $3::bigint
    ),
    used as materialized (
      select position, key, kind
      from ${schema}.transfer_keys where ${ofLedger()} and position > $2::bigint and position <= $3::bigint
    )
    select 'unknown_account' as kind, side.account_id, row.id as transfer_id,
      'an account of this ledger' as expected, 'none' as found
    from row cross join lateral (values (from_account), (to_account)) side(account_id)
    left join ${probe(`${schema}.accounts`, 'ledger = $1 and id = side.account_id')} a on true
    where a.id is null
    union all
    select 'hold_out_of_step', row.from_account, row.id, 'a row of holds', 'none'
    from (select * from row where kind = 'hold') row left join ${probe(`${schema}.holds`, 'ledger = $1 and id = row.id')} h on true
    where h.id is null
    union all
    select 'unknown_original', row.from_account, row.id,
      case when row.kind in ('transfer', 'hold') then 'none' when row.kind = 'reversal' then 'a transfer the other way'
        else 'a hold between these accounts' end,
      case when row.original_id is null then 'none' when o.id is null then row.original_id::text else o.kind::text end
    from row left join ${transferOfId({ schema }, 'row.original_id')} o on true
    where case row.kind
      when 'transfer' then row.original_id is null
      when 'hold' then row.original_id is null
      when 'reversal' then o.kind in ('transfer', 'capture')
        and (o.from_account, o.to_account, o.currency) = (row.to_account, row.from_account, row.currency)
      else o.kind = 'hold' and (o.from_account, o.to_account, o.currency) = (row.from_account, row.to_account, row.currency)
    end is not true
    union all
    select 'excess_reversal', r.from_account, r.id, format('at most %s of transfer %s', o.amount, o.id), r.total::text
    from (select distinct original_id from row where kind = 'reversal') reversed
    cross join ${transferOfId({ schema }, 'reversed.original_id')} o
    cross join lateral (
      select t.id, t.from_account, t.position, sum(t.amount) over (order by t.position) as total
      from ${schema}.transfers t where t.ledger = $1 and t.original_id = o.id and t.kind = 'reversal' and t.position > o.position
    ) r
    where r.position > $2::bigint and r.position <= $3::bigint and r.total > o.amount
    union all
    select 'key_out_of_step', row.from_account, row.id,
      coalesce('key ' || row.idempotency_hash, 'no key') || ' at position ' || coalesce(row.position, used.position),
      coalesce('key ' || used.key, 'no key')
    from row full join (select * from used where kind = 'idempotency') used on used.position = row.position
    where used.key is distinct from row.idempotency_hash
    union all
    select 'key_out_of_step', row.from_account, row.id, coalesce('id ' || row.id, 'no transfer') || ' at position ' || used.position,
      'id ' || used.key
    from (select * from used where kind = 'id') used left join row on row.position = used.position
    where used.key is distinct from row.id
    union all
    select 'checkpoint_out_of_step', null, null, format('stretches over positions %s to %s', min(row.position), max(row.position)), 'none'
    from row left join lateral (
      select s.begins_after from ${schema}.journal_stretches s
      where s.ledger = $1 and s.through >= row.position order by s.through limit 1
    ) stretch on true
    where row.${MOVING} and row.position <= (select position from ${schema}.checkpoint where ledger = $1)
      and (stretch.begins_after < row.position) is not true
    having count(*) > 0`;
}
