import type { Entry, Ledger, PostTransfer, TransferId } from '@micropay/ledger-core';
import { type BankLine, CURRENCY, instantOf } from './bank-line.js';
import { ImportError } from './import-error.js';
import { customerAddress } from './open-accounts.js';

const BATCH_SIZE = 500;

export interface PostedLines {
  readonly transferIds: ReadonlySet<TransferId>;
  /** The number of lines that an earlier run had already posted. */
  readonly replayed: number;
}

/**
 * Posts the lines in the order given, each under its `trans_id`, so that a line that an earlier run posted is answered
 * with its first result. One batch waits for the one before it, which keeps the order.
 *
 * @throws {ImportError} `line_refused` for the first line that the ledger does not take.
 */
export async function postLines(
  ledger: Ledger,
  lines: readonly BankLine[],
  onProgress: (done: number, total: number) => void,
): Promise<PostedLines> {
  const transferIds = new Set<TransferId>();
  let replayed = 0;
  for (let start = 0; start < lines.length; start += BATCH_SIZE) {
    const batch = lines.slice(start, start + BATCH_SIZE);
    const results = await ledger.transfers.postMany(batch.map(toTransfer));
    for (const [index, result] of results.entries()) {
      if (!result.ok) throw refused(batch[index], result.error);
      transferIds.add(result.transfer.id);
      if (result.transfer.replayed) replayed++;
    }
    onProgress(start + batch.length, lines.length);
  }
  return { transferIds, replayed };
}

/** The balance that the bank recorded after an entry; undefined if the entry comes from no bank file. */
export function readRecordedBalance({ metadata }: Entry): bigint | undefined {
  const recorded = metadata?.recordedBalance;
  return typeof recorded === 'string' ? BigInt(recorded) : undefined;
}

function toTransfer(line: BankLine): PostTransfer {
  const { transId, amount, date, direction, counterparty, purpose, recordedBalance } = line;
  const customer = customerAddress(line.accountId);
  return {
    from: direction === 'credit' ? counterparty.address : customer,
    to: direction === 'credit' ? customer : counterparty.address,
    amount,
    currency: CURRENCY,
    idempotencyKey: transId,
    description: counterparty.description,
    effectiveAt: instantOf(date),
    // Kept with the transfer, so that the comparison needs nothing but the ledger.
    metadata: { recordedBalance: recordedBalance.toString(), ...(purpose === '' ? {} : { purpose }) },
  };
}

function refused(line: BankLine | undefined, error: Error & { readonly code: string }): ImportError {
  const advice =
    error.code === 'idempotency_key_reused'
      ? 'this trans_id was imported before with other content; import the file into a ledger of its own with --ledger NAME'
      : 'once the cause is gone, run the same command again: it goes on where it stopped';
  return new ImportError(
    'line_refused',
    `the ledger refused line ${line?.line} (trans_id ${line?.transId}): ${error.code}: ${error.message}; ${advice}`,
    { cause: error, ...(line === undefined ? {} : { line: line.line }) },
  );
}
