import type { Entry, Ledger } from '@micropay/ledger-core';
import { ROUNDING_MAX } from './arrange-lines.js';
import { ImportError } from './import-error.js';
import { customerAddress } from './open-accounts.js';
import { readRecordedBalance } from './post-lines.js';

/** The result of comparing the ledger's balances of one account with those that the bank recorded. */
export type Verdict = 'exact' | 'within' | 'differs';

export interface Comparison {
  readonly accountId: string;
  readonly verdict: Verdict;
  readonly steps: readonly Step[];
}

/** One entry of the ledger beside what the bank recorded. */
export interface Step {
  readonly entry: Entry;
  readonly recordedBalance: bigint;
  /** The ledger's balance less the recorded one. */
  readonly difference: bigint;
  /** By how much that difference grew or shrank with this entry. */
  readonly rounding: bigint;
}

const PAGE_SIZE = 1_000;

/** Reads an account's entries back from the ledger and compares the balance after each with the recorded one. */
export async function compareBalances(ledger: Ledger, accountId: string): Promise<Comparison> {
  const entries = await readEntries(ledger, customerAddress(accountId));
  const steps = compareEntries(entries.toReversed());
  return { accountId, verdict: judge(steps), steps };
}

/**
 * Compares entries, oldest first. Entries that come from no bank file have no recorded balance to compare with.
 *
 * @throws {ImportError} `ledger_disagrees` when the entries do not follow one another.
 */
export function compareEntries(entries: readonly Entry[]): readonly Step[] {
  const steps: Step[] = [];
  let before = { version: 0n, difference: 0n };
  for (const entry of entries) {
    const { version, posted, accountId } = entry;
    if (version !== before.version + 1n) {
      const message = `entry ${version} of account ${accountId} comes after entry ${before.version}`;
      throw new ImportError('ledger_disagrees', message);
    }
    const recordedBalance = readRecordedBalance(entry);
    const difference = recordedBalance === undefined ? before.difference : posted - recordedBalance;
    if (recordedBalance !== undefined) {
      steps.push({ entry, recordedBalance, difference, rounding: difference - before.difference });
    }
    before = { version, difference };
  }
  return steps;
}

/** `within`: no step moves the ledger and the bank apart, or together, by more than 0.10. */
export function judge(steps: readonly Step[]): Verdict {
  if (steps.every(({ difference }) => difference === 0n)) return 'exact';
  return steps.every(({ rounding }) => -ROUNDING_MAX <= rounding && rounding <= ROUNDING_MAX) ? 'within' : 'differs';
}

async function readEntries(ledger: Ledger, address: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | null | undefined;
  while (cursor !== null) {
    const page = await ledger.accounts.entries(address, {
      limit: PAGE_SIZE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    entries.push(...page.data);
    cursor = page.nextCursor;
  }
  return entries;
}
