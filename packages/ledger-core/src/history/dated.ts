import type { AccountType } from '../domain/accounts/account.js';
import { ofLedger } from '../postgres/of-ledger.js';
import type { LedgerStore, Store } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';

/** Kinds whose amount moves posted money; the others only change what is pending. */
export const MOVING = `kind in ('transfer', 'capture', 'reversal')`;

/** The scope of the blocks that hold a whole ledger. */
export const WHOLE_LEDGER = '00000000-0000-0000-0000-000000000000';

export interface Totals {
  readonly debits: bigint;
  readonly credits: bigint;
}

/** Totals of accounts of one currency and type. */
export interface TotalsLine extends Totals {
  readonly currency: string;
  readonly type: AccountType;
}

export function toTotals(row: Readonly<Record<string, unknown>>): Totals {
  return { debits: BigInt(String(row.debits)), credits: BigInt(String(row.credits)) };
}

export function toTotalsLine(row: Readonly<Record<string, unknown>>): TotalsLine {
  return { currency: String(row.currency), type: row.type as AccountType, ...toTotals(row) };
}

/**
 * Selects what the dated transfers of account $2 in ledger $1 moved, each side by its own index.
 */
export function dated({ schema }: Store, condition: string): string {
  const side = (account: string, amounts: string) =>
    `select currency, effective_at, ${amounts} from ${schema}.transfers
     where ${account} = $2 and ${ofLedger()} and effective_at is not null and ${MOVING} and ${condition}`;
  return `${side('from_account', 'amount as debit, 0::numeric as credit')}
    union all ${side('to_account', '0, amount')}`;
}

export async function readDatedTotals(sql: Transaction, entries: string, values: readonly unknown[]): Promise<Totals> {
  const { rows } = await sql.executeSql(
    `select coalesce(sum(debit), 0)::text as debits, coalesce(sum(credit), 0)::text as credits from (${entries}) e`,
    values,
  );
  return toTotals(rows[0] ?? { debits: 0, credits: 0 });
}

export interface WholeBlocks {
  /** Start of the block that contains the instant, whose entries have to be read; null if there is none. */
  readonly openFrom: string | null;
  /** Sums of all blocks before it. */
  readonly lines: readonly TotalsLine[];
}

/** The blocks of a scope up to an instant. */
export async function readWholeBlocks(
  { sql, schema, ledger }: LedgerStore<Transaction>,
  { scope, at }: { readonly scope: string; readonly at: Date },
): Promise<WholeBlocks> {
  const { rows: open } = await sql.executeSql(
    `select starts_at::text from ${schema}.dated_blocks
     where ledger = $1 and scope = $2 and starts_at = (
       select max(starts_at) from ${schema}.dated_blocks where ledger = $1 and scope = $2 and starts_at <= $3)
     group by starts_at having max(last_at) > $3`,
    [ledger, scope, at.toISOString()],
  );
  const openFrom = open[0] === undefined ? null : String(open[0].starts_at);
  const { rows } = await sql.executeSql(
    `select currency, type::text, sum(debits)::text as debits, sum(credits)::text as credits
     from ${schema}.dated_blocks
     where ledger = $1 and scope = $2 and starts_at <= $3 and ($4::timestamptz is null or starts_at < $4)
     group by currency, type`,
    [ledger, scope, at.toISOString(), openFrom],
  );
  return { openFrom, lines: rows.map(toTotalsLine) };
}
