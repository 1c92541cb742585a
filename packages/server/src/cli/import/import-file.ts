import type { Ledger } from '@micropay/ledger-core';
import { type ImportLine, toImportLine } from './import-line.js';
import { postLines } from './post-lines.js';
import { type RecordBlock, readCsv, readJsonLines } from './read-records.js';
import type { RefusedLine } from './refused-line.js';

export interface ImportOptions {
  readonly path: string;
  readonly format: 'csv' | 'jsonl';
  /** Names the file in the keys of lines that have none of their own. */
  readonly fileId: string | undefined;
  /** Undefined to read and check only. */
  readonly ledger: Ledger | undefined;
  readonly signal: AbortSignal;
  /** In order of line within each batch. */
  readonly onRefused: (refused: RefusedLine) => void;
  readonly onProgress: (tally: Readonly<Tally>) => void;
}

export interface Tally {
  lines: number;
  bytes: number;
  accountsOpened: number;
  accountsKnown: number;
  transfersPosted: number;
  transfersKnown: number;
  refused: number;
}

const BATCH_SIZE = 1_000;

/**
 * Takes a file to the ledger, in the order of its lines. One batch is posted while the next is read, so that memory holds
 * two of them however long the file is. Told to stop, it finishes those two.
 */
export async function importFile(options: ImportOptions): Promise<Tally> {
  const { path, format, fileId, ledger, signal, onRefused, onProgress } = options;
  const tally: Tally = {
    lines: 0,
    bytes: 0,
    accountsOpened: 0,
    accountsKnown: 0,
    transfersPosted: 0,
    transfersKnown: 0,
    refused: 0,
  };
  const refuse = (refused: RefusedLine) => {
    tally.refused += 1;
    onRefused(refused);
  };
  const post = async (lines: readonly ImportLine[]) => {
    if (ledger === undefined) return;
    const { fresh, known, refused } = await postLines(ledger, lines);
    const isAccount = lines[0]?.kind === 'account';
    tally[isAccount ? 'accountsOpened' : 'transfersPosted'] += fresh;
    tally[isAccount ? 'accountsKnown' : 'transfersKnown'] += known;
    refused.forEach(refuse);
  };

  let posting = Promise.resolve();
  const hand = async (lines: readonly ImportLine[]) => {
    await posting;
    posting = post(lines);
    // It is awaited above or at the end; until then nobody may miss its failure.
    posting.catch(() => undefined);
  };

  const batch = createBatch(hand);
  const take = async ({ records, bytes }: RecordBlock) => {
    for (const record of records) {
      tally.lines += 1;
      const line = 'code' in record ? record : toImportLine(record, { fileId, number: tally.lines });
      if ('code' in line) refuse(line);
      else await batch.add(line);
    }
    tally.bytes += bytes;
    onProgress(tally);
  };
  try {
    for await (const block of format === 'csv' ? readCsv(path) : readJsonLines(path)) {
      await take(block);
      if (signal.aborted) break;
    }
  } finally {
    // Also when the file turns out to be broken: what was read before is posted.
    await batch.end();
    await posting;
  }
  return tally;
}

/** Gathers lines of one kind, in order. */
function createBatch(hand: (lines: readonly ImportLine[]) => Promise<void>) {
  let lines: ImportLine[] = [];
  const end = async () => {
    const full = lines;
    lines = [];
    if (full.length > 0) await hand(full);
  };
  return {
    async add(line: ImportLine) {
      if (lines.length === BATCH_SIZE || (lines[0] !== undefined && lines[0].kind !== line.kind)) await end();
      lines.push(line);
    },
    end,
  };
}
