import { MOVING } from '../history/dated.js';
import { ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { outOfStep, type VerifyProblem } from './report.js';

/** The sums of an account's dated entries up to a position. */
export interface MarkedSums {
  readonly account: string;
  readonly position: string;
  readonly entries: bigint;
  readonly debits: bigint;
  readonly credits: bigint;
}

const MARKS_PER_CHUNK = 20;

/** Holds the marks after `seen`, by account and position, against the dated entries between each and the one before it. */
export async function checkMarks(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  seen: MarkedSums | undefined,
): Promise<{ readonly seen: MarkedSums | undefined; readonly problems: readonly VerifyProblem[] }> {
  const ofSide = (side: 'from' | 'to') =>
    `select t.amount, ${side === 'from'} as is_debit from ${schema}.transfers t
     where t.${side}_account = m.account_id and ${ofLedger('t.')} and t.effective_at is not null and t.${MOVING}
       and t.position > m.after and t.position <= m.position`;
  const { rows } = await sql.executeSql(
    `select m.account_id, m.position::text, m.entries::text, m.debits::text, m.credits::text,
       e.entries::text as more, e.debits::text as more_debits, e.credits::text as more_credits
     from (
       select m.*, lag(m.position, 1, case when m.account_id = $2 then $3::bigint else 0 end)
         over (partition by m.account_id order by m.position) as after
       from ${schema}.dated_marks m
       where m.ledger = $1 and ($2::uuid is null or (m.account_id, m.position) > ($2, $3))
       order by m.account_id, m.position limit ${MARKS_PER_CHUNK}
     ) m
     cross join lateral (
       select count(*) as entries, coalesce(sum(amount) filter (where is_debit), 0) as debits,
         coalesce(sum(amount) filter (where not is_debit), 0) as credits
       from (${ofSide('from')} union all ${ofSide('to')}) e
     ) e
     order by m.account_id, m.position`,
    [ledger, seen?.account ?? null, seen?.position ?? null],
  );
  const problems: VerifyProblem[] = [];
  let last = seen;
  for (const row of rows) {
    const said = marked(row, last);
    const expected = inWords(said);
    const found = inWords({ ...said, ...numbersOf([row.entries, row.debits, row.credits]) });
    if (expected !== found) problems.push(outOfStep({ account_id: said.account, expected, found }));
    last = said;
  }
  return { seen: rows.length < MARKS_PER_CHUNK ? undefined : last, problems };
}

function marked(row: Readonly<Record<string, unknown>>, before: MarkedSums | undefined): MarkedSums {
  const account = String(row.account_id);
  const start = before?.account === account ? before : { entries: 0n, debits: 0n, credits: 0n };
  const more = numbersOf([row.more, row.more_debits, row.more_credits]);
  return {
    account,
    position: String(row.position),
    entries: start.entries + more.entries,
    debits: start.debits + more.debits,
    credits: start.credits + more.credits,
  };
}

function numbersOf(texts: readonly [unknown, unknown, unknown]) {
  const [entries, debits, credits] = texts.map((text) => BigInt(String(text))) as [bigint, bigint, bigint];
  return { entries, debits, credits };
}

function inWords({ position, entries, debits, credits }: MarkedSums): string {
  return `mark at ${position}: ${entries} entries, debits ${debits}, credits ${credits}`;
}
