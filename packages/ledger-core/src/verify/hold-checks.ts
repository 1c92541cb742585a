import { IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { transferOfId } from '../postgres/transfer-keys.js';
import { toProblem, type VerifyProblem } from './report.js';

export interface HoldChunk {
  /** The next chunk begins after this hold; undefined after the last one. */
  readonly lastHold: string | undefined;
  readonly problems: readonly VerifyProblem[];
}

/** Holds the rows after `after`, in order of id, against the journal rows that placed, captured and ended them. */
export async function checkHolds(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<HoldChunk> {
  const { rows: chunk } = await sql.executeSql(
    `select id from ${schema}.holds where ${ofLedger()} and ${IN_LEDGER_ORDER} and ($2::uuid is null or id > $2) order by id limit $3`,
    [ledger, after, limit],
  );
  const ids = chunk.map(({ id }) => String(id));
  const { rows } = await sql.executeSql(
    `with said as (
       select h.id, o.id is not null as is_placed, o.from_account, o.to_account, o.currency, o.amount, o.expires_at,
         m.captured, o.amount - m.captured - m.given_back as remaining,
         case when m.captured + m.given_back < o.amount then 'open' when m.last_kind = 'release' then 'released'
           when m.last_kind = 'expiry' then 'expired' else 'captured' end as state
       from unnest($2::uuid[]) h(id)
       left join ${transferOfId({ schema }, 'h.id', "kind = 'hold'")} o on true
       cross join lateral (
         select coalesce(sum(t.amount) filter (where t.kind = 'capture'), 0) as captured,
           coalesce(sum(case t.kind when 'capture' then t.released else t.amount end), 0) as given_back,
           (array_agg(t.kind order by t.position desc))[1] as last_kind
         from ${schema}.transfers t
         where t.ledger = $1 and t.original_id = h.id and t.kind in ('capture', 'release', 'expiry')
       ) m
     )
     select 'hold_out_of_step' as kind, h.from_account as account_id, h.id as transfer_id,
       case when said.is_placed then format('%s of %s, %s captured, %s left, %s', said.currency, said.amount, said.captured,
         said.remaining, said.state) else 'a transfer of kind hold' end as expected,
       format('%s of %s, %s captured, %s left, %s', h.currency, h.amount, h.captured, h.remaining, h.state) as found
     from said cross join ${probe(`${schema}.holds`, 'ledger = $1 and id = said.id')} h
     where (h.from_account, h.to_account, h.currency, h.amount, h.captured, h.remaining, h.state::text, h.expires_at)
       is distinct from (said.from_account, said.to_account, said.currency, said.amount, said.captured, said.remaining,
         said.state, said.expires_at)`,
    [ledger, `{${ids.join(',')}}`],
  );
  return { lastHold: ids.length < limit ? undefined : ids.at(-1), problems: rows.map(toProblem) };
}
