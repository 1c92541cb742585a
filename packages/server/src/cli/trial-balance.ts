import { type Ledger, type TrialBalance, toDecimal } from '@micropay/ledger-core';
import { readDatabaseSettings } from '../process/config.js';
import { EXIT } from './cli-error.js';
import type { Command } from './command.js';
import { formatTable } from './format-table.js';
import { withLedger } from './open-ledger.js';

export const trialBalanceCommand: Command = {
  summary: 'sum debits and credits by currency and account type; exits with 1 if they differ',
  parameters: '',
  help: [],
  words: { min: 0, max: 0 },
  options: {},
  run: ({ variables, output }) =>
    withLedger(readDatabaseSettings(variables), { mayBeNew: false }, async (ledger) => {
      const balance = await ledger.trialBalance();
      output.value({ ledger: ledger.name, ...balance });
      output.text(await toText(ledger, balance));
      return balance.balanced ? EXIT.ok : EXIT.failed;
    }),
};

async function toText(ledger: Ledger, { lines, totals, balanced }: TrialBalance): Promise<string> {
  if (lines.length === 0) return `Ledger "${ledger.name}" has no accounts.`;
  const scales = new Map<string, number>();
  for (const { currency } of totals) scales.set(currency, (await ledger.currencies.get(currency)).scale);
  const decimal = (units: bigint, currency: string) => toDecimal(units, scales.get(currency) ?? 0);
  const rows = totals.flatMap((total) => [
    ...lines
      .filter(({ currency }) => currency === total.currency)
      .map((line) => ({ ...line, type: String(line.type) })),
    { ...total, type: 'total', accounts: undefined },
  ]);
  const cells = rows.map(({ currency, type, accounts, debits, credits }) => ({
    currency,
    type,
    accounts: accounts?.toString() ?? '',
    debits: decimal(debits, currency),
    credits: decimal(credits, currency),
  }));
  const verdict = balanced ? 'Debits equal credits.' : 'DEBITS AND CREDITS DIFFER: run micropay verify.';
  return `${formatTable(cells, ['accounts', 'debits', 'credits'])}\n\n${verdict}`;
}
