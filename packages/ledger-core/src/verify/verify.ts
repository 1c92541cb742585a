import { LedgerError } from '../errors.js';
import type { Store } from '../postgres/store.js';
import type { TransactionAdapter } from '../postgres/transaction-adapter.js';
import { type AccountChunk, accountProblems, strayTransfers } from './checks.js';
import type { VerifyProblem, VerifyReport } from './report.js';
import { readTrialBalance } from './trial-balance.js';

export interface VerifyOptions {
  /** Accounts per snapshot, 1 to 10,000; default 500. */
  readonly accountsPerChunk?: number;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

export interface VerifyProgress {
  readonly accountsChecked: number;
  readonly problemsFound: number;
}

/** Runs work in a snapshot of its own. */
export type InSnapshot = <Result>(work: (transaction: TransactionAdapter) => Promise<Result>) => Promise<Result>;

export const PROBLEMS_MAX = 1_000;
const ACCOUNTS_PER_CHUNK = 500;
const ACCOUNTS_PER_CHUNK_MAX = 10_000;
const POSITIONS_PER_CHUNK = 50_000n;

/** Recomputes every balance from the journal, a chunk of accounts at a time, while traffic goes on. */
export async function verifyLedger(
  inSnapshot: InSnapshot,
  store: Store,
  ledger: number,
  { accountsPerChunk = ACCOUNTS_PER_CHUNK, onProgress }: VerifyOptions = {},
): Promise<VerifyReport> {
  if (!Number.isInteger(accountsPerChunk) || accountsPerChunk < 1 || accountsPerChunk > ACCOUNTS_PER_CHUNK_MAX) {
    throw new LedgerError('invalid_request', `accountsPerChunk must be from 1 to ${ACCOUNTS_PER_CHUNK_MAX}`);
  }
  const problems: VerifyProblem[] = [];
  let problemsFound = 0;
  let accounts = 0;
  const add = (found: readonly VerifyProblem[]) => {
    problemsFound += found.length;
    problems.push(...found.slice(0, PROBLEMS_MAX - problems.length));
    onProgress?.({ accountsChecked: accounts, problemsFound });
  };

  for (let after: string | null | undefined = null; after !== undefined; ) {
    const from: string | null = after;
    const chunk: AccountChunk = await inSnapshot((transaction) =>
      accountProblems(transaction, store, ledger, { after: from, limit: accountsPerChunk }),
    );
    accounts += chunk.accounts;
    add(chunk.problems);
    after = chunk.lastAccount;
  }

  let transfers = 0;
  for (let after = 0n; ; after += POSITIONS_PER_CHUNK) {
    const chunk = await inSnapshot((transaction) =>
      strayTransfers(transaction, store, ledger, { after, upTo: after + POSITIONS_PER_CHUNK }),
    );
    transfers += chunk.transfers;
    add(chunk.problems);
    if (chunk.isLast) break;
  }

  const { totals } = await inSnapshot((transaction) => readTrialBalance(transaction, store, ledger));
  add(
    totals
      .filter(({ debits, credits }) => debits !== credits)
      .map(({ currency, debits, credits }) => ({
        kind: 'unbalanced_totals',
        accountId: null,
        transferId: null,
        expected: `${currency} debits ${debits}`,
        found: `${currency} credits ${credits}`,
      })),
  );
  return { ok: problemsFound === 0, accounts, transfers, problems, problemsFound };
}
