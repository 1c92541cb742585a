import type { Ledger, TransferId, VerifyReport } from '@micropay/ledger-core';
import { arrangeLines } from './arrange-lines.js';
import type { BankLine } from './bank-line.js';
import { type Comparison, compareBalances } from './compare-balances.js';
import { ImportError } from './import-error.js';
import { openAccounts } from './open-accounts.js';
import { postLines } from './post-lines.js';

export interface ImportReport {
  /** Lines of the file that the ledger holds, each once. */
  readonly transactions: number;
  /** The number of lines that an earlier run had already posted. */
  readonly replayed: number;
  /** One for each customer's account, in the order in which the file names them. */
  readonly comparisons: readonly Comparison[];
  readonly verified: VerifyReport;
}

export type OnProgress = (label: string) => (done: number, total: number) => void;

/** Posts a whole file and compares what the ledger then says with what the bank recorded. */
export async function importBankFile(
  ledger: Ledger,
  lines: readonly BankLine[],
  onProgress: OnProgress,
): Promise<ImportReport> {
  await openAccounts(ledger, lines, onProgress('Opening accounts'));
  const { transferIds, replayed } = await postLines(ledger, arrangeLines(lines), onProgress('Posting transactions'));
  const comparisons = await compareAccounts(ledger, lines, onProgress('Comparing balances'));
  const transactions = countHeld(comparisons, transferIds);
  if (transactions !== lines.length) {
    throw new ImportError(
      'ledger_disagrees',
      `the file has ${lines.length} transactions, and the ledger's entries show ${transactions} of them`,
    );
  }
  return { transactions, replayed, comparisons, verified: await ledger.verify() };
}

async function compareAccounts(
  ledger: Ledger,
  lines: readonly BankLine[],
  onProgress: (done: number, total: number) => void,
): Promise<readonly Comparison[]> {
  const accountIds = [...new Set(lines.map(({ accountId }) => accountId))];
  const comparisons: Comparison[] = [];
  for (const accountId of accountIds) {
    comparisons.push(await compareBalances(ledger, accountId));
    onProgress(comparisons.length, accountIds.length);
  }
  return comparisons;
}

/** Counts the entries that the ledger returns when it is read, not the results of posting them. */
function countHeld(comparisons: readonly Comparison[], transferIds: ReadonlySet<TransferId>): number {
  return comparisons.flatMap(({ steps }) => steps).filter(({ entry }) => transferIds.has(entry.transferId)).length;
}
