import { toDecimal } from '@micropay/ledger-core';
import { CURRENCY, CURRENCY_SCALE } from './bank-line.js';
import type { Comparison, Verdict } from './compare-balances.js';
import { formatTable } from './format-table.js';

const ROWS_MAX = 60;
const ACCOUNTS_NAMED_MAX = 20;

/** The entries of one account, oldest first, with the bank's balance beside the ledger's. */
export function formatStatement({ accountId, steps }: Comparison): string {
  const shown = steps.slice(-ROWS_MAX);
  const rows = shown.map(({ entry, recordedBalance, difference }) => ({
    date: entry.effectiveAt.toISOString().slice(0, 10),
    description: entry.description ?? '',
    debit: entry.direction === 'debit' ? decimal(entry.amount) : '',
    credit: entry.direction === 'credit' ? decimal(entry.amount) : '',
    balance: decimal(entry.posted),
    recorded: decimal(recordedBalance),
    difference: difference === 0n ? '' : decimal(difference),
  }));
  const part = shown.length < steps.length ? `, the last ${shown.length} of ${steps.length} entries` : '';
  return [
    `Statement of account ${accountId}, in ${CURRENCY}${part}`,
    '',
    formatTable(rows, ['debit', 'credit', 'balance', 'recorded', 'difference']),
  ].join('\n');
}

/** Counts the accounts whose balances match the bank's, and lists the others. */
export function formatVerdicts(comparisons: readonly Comparison[]): string {
  const rows = [
    { 'every recorded balance': 'met exactly', accounts: count(comparisons, 'exact') },
    { 'every recorded balance': 'met within 0.10 at every step', accounts: count(comparisons, 'within') },
    { 'every recorded balance': 'not met', accounts: count(comparisons, 'differs') },
  ].map((row) => ({ ...row, accounts: row.accounts.toString() }));
  return [formatTable(rows, ['accounts']), ...differing(comparisons)].join('\n');
}

export function count(comparisons: readonly Comparison[], verdict: Verdict): number {
  return comparisons.filter((comparison) => comparison.verdict === verdict).length;
}

function differing(comparisons: readonly Comparison[]): readonly string[] {
  const accounts = comparisons.filter(({ verdict }) => verdict === 'differs').map(({ accountId }) => accountId);
  if (accounts.length === 0) return [];
  const more = accounts.length > ACCOUNTS_NAMED_MAX ? ` and ${accounts.length - ACCOUNTS_NAMED_MAX} more` : '';
  return ['', `Not met by account ${accounts.slice(0, ACCOUNTS_NAMED_MAX).join(', ')}${more}; see --account ID.`];
}

function decimal(units: bigint): string {
  return toDecimal(units, CURRENCY_SCALE);
}
