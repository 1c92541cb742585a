import { readCheckpoint } from '../history/balance-at.js';
import { WHOLE_LEDGER } from '../history/dated.js';
import { checkBlocks, nextBlocks, pickScopes, wholeScope } from './block-checks.js';
import { checkMarks, type MarkedSums } from './mark-checks.js';
import type { VerifyRun } from './progress.js';
import { checkCheckpointPosition, checkStretch } from './stretch-checks.js';

interface ChunkSizes {
  readonly accounts: number;
  readonly entries: number;
}

/**
 * Recomputes the checkpoints from the journal while they are advanced: each snapshot compares some of them with the
 * rows up to the position that they have reached in it. Rows that none counts are found with the journal.
 */
export async function verifyCheckpoints(run: VerifyRun, sizes: ChunkSizes): Promise<void> {
  const position = await run.inSnapshot(async (store) => {
    run.add(await checkCheckpointPosition(store), {});
    return readCheckpoint(store);
  });
  await verifyStretches(run);
  // Nothing has been counted yet, and nothing of it would be found but by reading every dated row.
  if (position === 0n) return;
  await verifyBlocks(run, sizes);
  await verifyMarks(run);
}

async function verifyStretches(run: VerifyRun): Promise<void> {
  for (let after: string | undefined = '0'; after !== undefined; ) {
    const from: string = after;
    const chunk = await run.inSnapshot((store) => checkStretch(store, from));
    run.add(chunk.problems, {});
    after = chunk.through;
  }
}

async function verifyBlocks(run: VerifyRun, sizes: ChunkSizes): Promise<void> {
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const from: string | null = after;
    const chunk = await run.inSnapshot(async (store) => {
      const { parts, ...picked } = await pickScopes(store, { after: from, ...sizes });
      return { ...picked, problems: await checkBlocks(store, parts) };
    });
    run.add(chunk.problems, {});
    if (chunk.long !== undefined) await verifyBlocksOf(run, { scope: chunk.long, ...sizes });
    after = chunk.lastAccount;
  }
  await verifyBlocksOf(run, { scope: WHOLE_LEDGER, ...sizes });
}

/** A scope with more entries than one snapshot takes, some blocks in each. */
async function verifyBlocksOf(
  run: VerifyRun,
  { scope, entries }: { readonly scope: string; readonly entries: number },
): Promise<void> {
  for (let after: string | null | undefined = null; after !== undefined; ) {
    const from: string | null = after;
    const chunk = await run.inSnapshot(async (store) => {
      const next = await nextBlocks(store, { scope, after: from, entries });
      if (next === undefined && from !== null) return { last: undefined, problems: [] };
      const parts = [next?.part ?? wholeScope(scope)];
      return { last: next?.last, problems: await checkBlocks(store, parts) };
    });
    run.add(chunk.problems, {});
    after = chunk.last;
  }
}

async function verifyMarks(run: VerifyRun): Promise<void> {
  let seen: MarkedSums | undefined;
  do {
    const before = seen;
    const chunk = await run.inSnapshot((store) => checkMarks(store, before));
    run.add(chunk.problems, {});
    seen = chunk.seen;
  } while (seen !== undefined);
}
