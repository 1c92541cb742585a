import { createLedger, LedgerError, migrate } from '@micropay/ledger-core';
import { parseArguments, USAGE } from './arguments.js';
import type { Comparison } from './compare-balances.js';
import { importBankFile } from './import-bank-file.js';
import { ImportError } from './import-error.js';
import { createProgress } from './progress.js';
import { readBankFile } from './read-bank-file.js';
import { count, formatStatement, formatVerdicts } from './statement.js';

async function main(): Promise<void> {
  const chosen = parseArguments(process.argv.slice(2));
  if (chosen === 'help') {
    console.log(USAGE);
    return;
  }
  const lines = await readBankFile(chosen.file);
  if (chosen.account !== undefined && !lines.some(({ accountId }) => accountId === chosen.account)) {
    throw new ImportError('usage', `--account: ${chosen.file} has no account ${chosen.account}`);
  }
  const database = process.env.DATABASE_URL;
  if (database === undefined || database === '') {
    throw new ImportError('database_missing', 'set DATABASE_URL, or start this with npm run example:bank-import');
  }

  await migrate({ database });
  const ledger = createLedger({ database, name: chosen.ledger });
  try {
    const report = await importBankFile(ledger, lines, (label) => createProgress(process.stderr, label));
    const { transactions, replayed, comparisons, verified } = report;
    console.log(`\n${formatStatement(choose(comparisons, chosen.account))}\n`);
    console.log(`${transactions} transactions, ${replayed} of them posted by an earlier run\n`);
    console.log(`${formatVerdicts(comparisons)}\n`);
    console.log(`The ledger's own check: ${verified.ok ? 'clean' : `${verified.problemsFound} problems`}`);
    if (chosen.json) {
      const [exact, within, differs] = (['exact', 'within', 'differs'] as const).map((verdict) =>
        count(comparisons, verdict),
      );
      console.log(JSON.stringify({ transactions, accounts: comparisons.length, exact, within, differs }));
    }
    if (!verified.ok) process.exitCode = 1;
  } finally {
    await ledger.close();
  }
}

/** The account that was asked for, else the one with most entries. */
function choose(comparisons: readonly Comparison[], accountId: string | undefined): Comparison {
  const candidates = comparisons.filter((comparison) => accountId === undefined || comparison.accountId === accountId);
  return candidates.reduce((best, next) => (next.steps.length > best.steps.length ? next : best));
}

try {
  await main();
} catch (error) {
  if (!(error instanceof ImportError || error instanceof LedgerError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  if (process.argv.includes('--json')) {
    const line = error instanceof ImportError ? error.line : undefined;
    console.log(JSON.stringify({ error: { code: error.code, message: error.message, line } }));
  }
  process.exitCode = 1;
}
