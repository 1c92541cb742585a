import { readCheckpoint } from '../history/balance-at.js';
import { MOVING } from '../history/dated.js';
import { joinSides } from '../history/sides.js';
import { readEventRange } from '../postgres/event-log.js';
import { IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { outOfStep, type VerifyProblem } from './report.js';

/** Holds the position of the checkpoints, on which all of them rest, against the positions of the ledger. */
export async function checkCheckpointPosition(store: LedgerStore<Transaction>): Promise<readonly VerifyProblem[]> {
  const found = await readCheckpoint(store);
  const { last } = await readEventRange(store);
  if (found <= last) return [];
  return [outOfStep({ expected: `checkpoints up to at most ${last}`, found: String(found) })];
}

export interface StretchChunk {
  /** The end of the stretch that was checked; undefined after the last one. */
  readonly through: string | undefined;
  readonly problems: readonly VerifyProblem[];
}

/** Holds the first stretch that ends after a position against the journal rows that it sums up. */
export async function checkStretch(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  after: string,
): Promise<StretchChunk> {
  const { rows: stretches } = await sql.executeSql(
    `select max(begins_after)::text as begins_after, through::text,
       through > (select position from ${schema}.checkpoint where ledger = $1) as is_beyond,
       min(begins_after) < (
         select max(through) from ${schema}.journal_stretches before where before.ledger = $1 and before.through < s.through
       ) as overlaps
     from ${schema}.journal_stretches s where ledger = $1 and through > $2
     group by through order by through limit 1`,
    [ledger, after],
  );
  const [stretch] = stretches;
  if (stretch === undefined) return { through: undefined, problems: [] };
  const { begins_after, through, is_beyond, overlaps } = stretch;
  const { rows } = await sql.executeSql(stretchDifferences(schema), [ledger, begins_after, through]);
  const problems = rows.map(outOfStep);
  const name = `a stretch after ${begins_after} through ${through}`;
  if (is_beyond !== false) problems.push(outOfStep({ expected: 'stretches up to the checkpoint', found: name }));
  if (overlaps === true) problems.push(outOfStep({ expected: 'stretches one after the other', found: name }));
  return { through: String(through), problems };
}

/** Lines of one stretch that are not what its rows sum up to; a line of either that has no like has nulls for it. */
function stretchDifferences(schema: string): string {
  const line = (row: string) => `case when ${row}.currency is null then 'none' else format(
    'stretch after %s through %s, %s %s: debits %s, credits %s, dated %s and %s, from %s to %s', ${row}.begins_after, $3::text,
    ${row}.currency, ${row}.type, ${row}.debits, ${row}.credits, ${row}.dated_debits, ${row}.dated_credits,
    ${row}.first_recorded_at, ${row}.last_recorded_at) end`;
  return `
    with said as (
      select $2::bigint as begins_after, t.currency, a.type, min(min(t.recorded_at)) over () as first_recorded_at,
        max(max(t.recorded_at)) over () as last_recorded_at, sum(side.debit) as debits, sum(side.credit) as credits,
        coalesce(sum(side.debit) filter (where t.effective_at is not null), 0) as dated_debits,
        coalesce(sum(side.credit) filter (where t.effective_at is not null), 0) as dated_credits
      from ${schema}.transfers t
      ${joinSides(schema, '$1')}
      where ${ofLedger('t.')} and t.${IN_LEDGER_ORDER} and t.position > $2::bigint and t.position <= $3::bigint and t.${MOVING}
      group by t.currency, a.type
    ),
    stored as (
      select begins_after, currency, type, first_recorded_at, last_recorded_at, debits, credits, dated_debits, dated_credits
      from ${schema}.journal_stretches where ledger = $1 and through = $3::bigint
    )
    select ${line('said')} as expected, ${line('stored')} as found
    from said full join stored using (currency, type)
    where said is distinct from stored`;
}
