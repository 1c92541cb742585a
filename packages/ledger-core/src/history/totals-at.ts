import { IN_LEDGER_ORDER, ofLedger } from '../postgres/of-ledger.js';
import type { ConnectedStore, LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import { datedEntriesOfLedger } from './advance-checkpoint.js';
import { readCheckpoint } from './balance-at.js';
import { MOVING, readWholeBlocks, type TotalsLine, toTotalsLine, WHOLE_LEDGER } from './dated.js';
import { joinSides } from './sides.js';

/**
 * Sums all transfers that were recorded by an instant, by currency and type; several lines may have the same currency and
 * type. Stretches that were recorded completely by then count as stored. The stretch that contains the instant, and the
 * rows after the checkpoint, are read row by row.
 */
export async function readRecordedTotals(store: LedgerStore<Transaction>, at: Date): Promise<readonly TotalsLine[]> {
  const whole = await wholeStretches(store, at, 'sum(debits) as debits, sum(credits) as credits');
  const rows = await readOpenStretches(store, at, {
    inStretch: 't.recorded_at <= $4',
    after: 't.recorded_at <= $4',
  });
  return [...whole, ...rows];
}

/** The same of the transfers that were effective by an instant. */
export async function readEffectiveTotals(store: LedgerStore<Transaction>, at: Date): Promise<readonly TotalsLine[]> {
  const whole = await wholeStretches(
    store,
    at,
    'sum(debits - dated_debits) as debits, sum(credits - dated_credits) as credits',
  );
  const rows = await readOpenStretches(store, at, {
    inStretch: 't.effective_at is null and t.recorded_at <= $4',
    // Rows after the checkpoint are in no block either.
    after: 'coalesce(t.effective_at, t.recorded_at) <= $4',
  });
  const { openFrom, lines } = await readWholeBlocks(store, { scope: WHOLE_LEDGER, at });
  const within = openFrom === null ? [] : await readOpenBlock(store, at, openFrom);
  return [...whole, ...rows, ...lines, ...within];
}

async function wholeStretches(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  at: Date,
  sums: string,
): Promise<readonly TotalsLine[]> {
  const { rows } = await sql.executeSql(
    `select currency, type::text, debits::text, credits::text from (
       select currency, type, ${sums} from ${schema}.journal_stretches
       where ledger = $1 and last_recorded_at <= $2 group by currency, type) s`,
    [ledger, at.toISOString()],
  );
  return rows.map(toTotalsLine);
}

async function readOpenStretches(
  store: LedgerStore<Transaction>,
  at: Date,
  conditions: { readonly inStretch: string; readonly after: string },
): Promise<readonly TotalsLine[]> {
  const { schema } = store;
  const instant = at.toISOString();
  const { rows: open } = await store.sql.executeSql(
    `select distinct begins_after::text, through::text from ${schema}.journal_stretches
     where ledger = $1 and first_recorded_at <= $2 and last_recorded_at > $2`,
    [store.ledger, instant],
  );
  const lines: TotalsLine[] = [];
  for (const { begins_after, through } of open) {
    lines.push(...(await sumPositions(store, conditions.inStretch, [store.ledger, begins_after, through, instant])));
  }
  const checkpoint = String(await readCheckpoint(store));
  lines.push(...(await sumPositions(store, conditions.after, [store.ledger, checkpoint, POSITION_MAX, instant])));
  return lines;
}

const POSITION_MAX = String(2n ** 63n - 1n);

async function sumPositions(
  { sql, schema }: ConnectedStore<Transaction>,
  condition: string,
  values: readonly unknown[],
): Promise<readonly TotalsLine[]> {
  const { rows } = await sql.executeSql(
    `select t.currency, a.type::text, sum(side.debit)::text as debits, sum(side.credit)::text as credits
     from ${schema}.transfers t
     ${joinSides(schema, '$1')}
     where ${ofLedger('t.')} and t.${IN_LEDGER_ORDER} and t.position > $2 and t.position <= $3 and t.${MOVING} and ${condition}
     group by t.currency, a.type`,
    values,
  );
  return rows.map(toTotalsLine);
}

async function readOpenBlock(
  store: LedgerStore<Transaction>,
  at: Date,
  openFrom: string,
): Promise<readonly TotalsLine[]> {
  const entries = datedEntriesOfLedger(store, 'effective_at >= $2 and effective_at <= $3 and position + 0 <= $4');
  const { rows } = await store.sql.executeSql(
    `select currency, type::text, sum(debit)::text as debits, sum(credit)::text as credits from (${entries}) e
     group by currency, type`,
    [store.ledger, openFrom, at.toISOString(), String(await readCheckpoint(store))],
  );
  return rows.map(toTotalsLine);
}
