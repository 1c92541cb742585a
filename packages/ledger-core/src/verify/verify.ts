import { object, oneOf, optional, optionalCallback, signal, wholeNumber } from '../domain/input/arguments.js';
import { readTrialBalance } from '../history/trial-balance.js';
import { type CheckedPart, checkAccountParts, strayBalances } from './account-checks.js';
import { type AccountPart, nextPart, pickAccounts } from './account-chunk.js';
import { type Ends, readEnds } from './ends.js';
import { checkHolds, type HoldChunk } from './hold-checks.js';
import { checkPositions, type JournalChunk } from './journal-checks.js';
import { type InSnapshot, startRun, type VerifyProgress, type VerifyRun } from './progress.js';
import type { VerifyReport } from './report.js';
import { checkRequests, type RequestChunk } from './request-checks.js';
import { verifyCheckpoints } from './verify-checkpoints.js';

export interface VerifyOptions {
  /** Accounts per snapshot, 1 to 10,000; default 500. */
  readonly accountsPerChunk?: number;
  /** Entries per snapshot, 1 to 100,000; default 10,000. A longer account is read in several snapshots. */
  readonly entriesPerChunk?: number;
  /** `gentle`, the default, pauses after each snapshot for as long as the snapshot took; `full` does not pause. */
  readonly pace?: 'gentle' | 'full';
  /** Ends the run between two snapshots, with the signal's reason. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: VerifyProgress) => void;
}

const ACCOUNTS_PER_CHUNK = 500;
const ACCOUNTS_PER_CHUNK_MAX = 10_000;
const ENTRIES_PER_CHUNK = 10_000;
const ENTRIES_PER_CHUNK_MAX = 100_000;
const HOLDS_PER_CHUNK = 1_000;
const REQUESTS_PER_CHUNK = 1_000;
const CATCH_UP_FACTOR = 4;

const readOptions = object<VerifyOptions>({
  accountsPerChunk: optional(wholeNumber(1, ACCOUNTS_PER_CHUNK_MAX)),
  entriesPerChunk: optional(wholeNumber(1, ENTRIES_PER_CHUNK_MAX)),
  pace: optional(oneOf(['gentle', 'full'])),
  signal: optional(signal),
  onProgress: optionalCallback,
});

/** @throws {LedgerError} `invalid_request` */
export function checkVerifyOptions(options: VerifyOptions): VerifyOptions {
  return readOptions(options, 'options');
}

interface ChunkSizes {
  readonly accounts: number;
  readonly entries: number;
}

/**
 * Recomputes every balance from the journal under live traffic. A snapshot lasts no longer than reading one chunk. The sums
 * of a long account are carried from one snapshot to the next, which is possible because journal rows never change. The
 * snapshot that reads the account's last entries compares the sums with its balance. The run always ends, however fast
 * others write: of newer rows it reads only those that it needs to compare a balance.
 */
export async function verifyLedger(inSnapshot: InSnapshot, options: VerifyOptions): Promise<VerifyReport> {
  const { accountsPerChunk = ACCOUNTS_PER_CHUNK, entriesPerChunk = ENTRIES_PER_CHUNK } = options;
  const { pace = 'gentle', signal, onProgress } = options;
  const run = startRun(inSnapshot, { pace, signal, onProgress });
  const sizes = { accounts: accountsPerChunk, entries: entriesPerChunk };
  const ends = await run.inSnapshot((store) => readEnds(store));
  await verifyAccounts(run, { ...sizes, ends });
  await verifyJournal(run, { positions: BigInt(entriesPerChunk), end: ends.position });
  await verifyHolds(run, ends.hold);
  await verifyRequests(run, ends.request);
  await verifyCheckpoints(run, sizes);
  await verifyTotals(run);
  const { accountsChecked, transfersChecked, problemsFound } = run.counts;
  return {
    ok: problemsFound === 0,
    accounts: accountsChecked,
    transfers: transfersChecked,
    problems: run.problems,
    problemsFound,
  };
}

/** True while rows are left that existed when the run began. Rows are read in ascending order, and new ones come at the end. */
function isLeft(after: string | null | undefined, end: string | null): after is string | null {
  return after !== undefined && end !== null && (after === null || after < end);
}

async function verifyAccounts(run: VerifyRun, { ends, ...sizes }: ChunkSizes & { readonly ends: Ends }): Promise<void> {
  let after: string | null | undefined = null;
  do {
    const from: string | null = after;
    const chunk = await run.inSnapshot(async (store) => {
      const { parts, lastAccount } = await pickAccounts(store, { after: from, ...sizes });
      const checked = await checkAccountParts(store, parts);
      const strays = await strayBalances(store, { after: from, upTo: lastAccount });
      return { ...checked, problems: [...checked.problems, ...strays], lastAccount };
    });
    const unfinished = chunk.parts.filter(({ nextVersion }) => nextVersion !== null);
    const entriesChecked = chunk.parts.reduce((sum, { entries }) => sum + entries, 0);
    run.add(chunk.problems, { accountsChecked: chunk.parts.length - unfinished.length, entriesChecked });
    for (const part of unfinished) {
      await verifyRestOfAccount(run, { part, entries: sizes.entries, end: ends.position });
    }
    after = chunk.lastAccount;
  } while (isLeft(after, ends.account));
}

/**
 * Verifies the rest of one account's history after its first snapshot, one part per snapshot. Entries may be posted as fast as
 * they are read. After those that existed when the run began, each snapshot reads more than the one before, until one reads
 * all of them.
 */
async function verifyRestOfAccount(
  run: VerifyRun,
  { part: first, entries, end }: { readonly part: CheckedPart; readonly entries: number; readonly end: bigint },
): Promise<void> {
  let count = entries;
  for (let seen: CheckedPart | undefined = first; seen !== undefined && seen.nextVersion !== null; ) {
    if (BigInt(seen.part.position) >= end) count *= CATCH_UP_FACTOR;
    const following: AccountPart = nextPart(seen.part, seen.nextVersion, count);
    const { parts, problems } = await run.inSnapshot((store) => checkAccountParts(store, [following]));
    [seen] = parts;
    const isWhole = seen?.nextVersion === null;
    run.add(problems, { accountsChecked: isWhole ? 1 : 0, entriesChecked: seen?.entries ?? 0 });
  }
}

async function verifyJournal(
  run: VerifyRun,
  { positions, end }: { readonly positions: bigint; readonly end: bigint },
): Promise<void> {
  for (let after: bigint | undefined = 0n; after !== undefined && after < end; ) {
    const range = { after, upTo: after + positions };
    const chunk: JournalChunk = await run.inSnapshot((store) => checkPositions(store, range));
    run.add(chunk.problems, { transfersChecked: chunk.transfers });
    after = chunk.nextAfter;
  }
}

async function verifyHolds(run: VerifyRun, end: string | null): Promise<void> {
  for (let after: string | null | undefined = null; isLeft(after, end); ) {
    const range: { readonly after: string | null; readonly limit: number } = { after, limit: HOLDS_PER_CHUNK };
    const chunk: HoldChunk = await run.inSnapshot((store) => checkHolds(store, range));
    run.add(chunk.problems, {});
    after = chunk.lastHold;
  }
}

async function verifyRequests(run: VerifyRun, end: string | null): Promise<void> {
  for (let after: string | null | undefined = null; isLeft(after, end); ) {
    const range: { readonly after: string | null; readonly limit: number } = { after, limit: REQUESTS_PER_CHUNK };
    const chunk: RequestChunk = await run.inSnapshot((store) => checkRequests(store, range));
    run.add(chunk.problems, {});
    after = chunk.lastRequest;
  }
}

async function verifyTotals(run: VerifyRun): Promise<void> {
  const { totals } = await run.inSnapshot((store) => readTrialBalance(store));
  const unbalanced = totals
    .filter(({ debits, credits }) => debits !== credits)
    .map(({ currency, debits, credits }) => ({
      kind: 'unbalanced_totals' as const,
      accountId: null,
      transferId: null,
      expected: `${currency} debits ${debits}`,
      found: `${currency} credits ${credits}`,
    }));
  run.add(unbalanced, {});
}
