import type { AccountType } from '../domain/accounts/account.js';
import { result } from '../domain/json/result.js';
import { accountsInOrder, ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import type { TotalsLine } from './dated.js';
import { readEffectiveTotals, readRecordedTotals } from './totals-at.js';

/** Sums of minor units over accounts of one currency and type. */
export interface TrialBalanceLine {
  readonly currency: string;
  readonly type: AccountType;
  readonly accounts: number;
  readonly debits: bigint;
  readonly credits: bigint;
}

export interface TrialBalance {
  readonly lines: readonly TrialBalanceLine[];
  /** Debits and credits of each currency; equal, or the ledger is broken. */
  readonly totals: readonly { readonly currency: string; readonly debits: bigint; readonly credits: bigint }[];
  readonly balanced: boolean;
}

/** Sums the balances of a ledger in one statement, hence from one snapshot. */
export async function readTrialBalance({ sql, schema, ledger }: LedgerStore): Promise<TrialBalance> {
  const { rows } = await sql.executeSql(
    `select a.currency, a.type::text, count(*)::text as accounts,
       sum(b.debits_posted)::text as debits, sum(b.credits_posted)::text as credits
     from ${schema}.accounts a cross join ${probe(`${schema}.balances`, 'ledger = $1 and account_id = a.id')} b
     where ${ofLedger('a.')} and ${accountsInOrder('a.')} group by a.currency, a.type order by a.currency, a.type`,
    [ledger],
  );
  return toTrialBalance(
    rows.map((row) =>
      result({
        ...accountsLine(row),
        debits: BigInt(String(row.debits)),
        credits: BigInt(String(row.credits)),
      }),
    ),
  );
}

/** The same as of an instant, from the journal; needs one snapshot for its statements. */
export async function readTrialBalanceAt(
  store: LedgerStore<Transaction>,
  { at, by }: { readonly at: Date; readonly by: 'recorded' | 'effective' },
): Promise<TrialBalance> {
  const totals = by === 'recorded' ? await readRecordedTotals(store, at) : await readEffectiveTotals(store, at);
  const { rows } = await store.sql.executeSql(
    `select currency, type::text, count(*)::text as accounts from ${store.schema}.accounts
     where ${ofLedger()} and ${accountsInOrder()} group by currency, type order by currency, type`,
    [store.ledger],
  );
  return toTrialBalance(rows.map((row) => addTotals(accountsLine(row), totals)));
}

function accountsLine(row: Readonly<Record<string, unknown>>) {
  return { currency: String(row.currency), type: row.type as AccountType, accounts: Number(row.accounts) };
}

function addTotals(line: ReturnType<typeof accountsLine>, totals: readonly TotalsLine[]): TrialBalanceLine {
  const own = totals.filter(({ currency, type }) => currency === line.currency && type === line.type);
  return result({
    ...line,
    debits: own.reduce((sum, { debits }) => sum + debits, 0n),
    credits: own.reduce((sum, { credits }) => sum + credits, 0n),
  });
}

function toTrialBalance(lines: readonly TrialBalanceLine[]): TrialBalance {
  const totals = [...new Set(lines.map(({ currency }) => currency))].map((currency) => {
    const ofCurrency = lines.filter((line) => line.currency === currency);
    return result({
      currency,
      debits: ofCurrency.reduce((sum, { debits }) => sum + debits, 0n),
      credits: ofCurrency.reduce((sum, { credits }) => sum + credits, 0n),
    });
  });
  return { lines, totals, balanced: totals.every(({ debits, credits }) => debits === credits) };
}
