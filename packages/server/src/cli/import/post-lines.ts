import { setTimeout as wait } from 'node:timers/promises';
import { type Ledger, LedgerError, type PostResult } from '@micropay/ledger-core';
import { CliError } from '../cli-error.js';
import type { AccountLine, ImportLine, TransferLine } from './import-line.js';
import type { RefusedLine } from './refused-line.js';

/** The outcome of some lines. */
export interface PostedLines {
  /** Opened or posted by this run. */
  readonly fresh: number;
  /** There already: an earlier run, or an earlier line, asked the same. */
  readonly known: number;
  readonly refused: readonly RefusedLine[];
}

const ATTEMPTS_MAX = 6;
const FIRST_PAUSE_MS = 250;
const OPENED_AT_ONCE = 16;

/**
 * Takes lines of one kind to the ledger, transfers in their order. What a repetition may cure is repeated a few times: keys
 * make that safe.
 *
 * @throws {CliError} `import_stopped` when the ledger stays unavailable after all retries
 */
export function postLines(ledger: Ledger, lines: readonly ImportLine[]): Promise<PostedLines> {
  const [first] = lines;
  return first?.kind === 'account'
    ? openAccounts(ledger, lines as readonly AccountLine[])
    : postTransfers(ledger, lines as readonly TransferLine[]);
}

async function postTransfers(ledger: Ledger, lines: readonly TransferLine[]): Promise<PostedLines> {
  let known = 0;
  let fresh = 0;
  const refused: RefusedLine[] = [];
  let left = lines;
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const results = await postAll(ledger, left);
    const again: TransferLine[] = [];
    let firstError: LedgerError | undefined;
    left.forEach((line, index) => {
      const result = results[index];
      if (result === undefined) return;
      if (result.ok) {
        if (result.transfer.replayed) known += 1;
        else fresh += 1;
      } else if (firstError !== undefined || result.error.retryable) {
        // Lines refused after such a line may have lacked its money: they are retried after it.
        firstError ??= result.error;
        again.push(line);
      } else refused.push(refusal(line, result.error));
    });
    if (firstError !== undefined) await pauseBefore(attempt, again[0]?.line, firstError);
    left = again;
  }
  return { fresh, known, refused };
}

/** A database that is away refuses the call as a whole: that is the result of each line. */
async function postAll(ledger: Ledger, lines: readonly TransferLine[]): Promise<readonly PostResult[]> {
  try {
    return await ledger.transfers.postMany(lines.map(({ request }) => request));
  } catch (error) {
    if (!(error instanceof LedgerError && error.retryable)) throw error;
    return lines.map(() => ({ ok: false, error }));
  }
}

/** Accounts have no order among them: several are opened at once, but an address once before it is met again. */
async function openAccounts(ledger: Ledger, lines: readonly AccountLine[]): Promise<PostedLines> {
  const there = await persist(lines[0]?.line, () =>
    ledger.accounts.identifyMany(lines.map(({ request }) => request.address)),
  );
  let known = 0;
  let fresh = 0;
  const refused: RefusedLine[] = [];
  const open = async (line: AccountLine) => {
    const { address, type, currency } = line.request;
    const account = there.get(address);
    try {
      if (account === undefined) {
        await persist(line.line, () => ledger.accounts.ensure(line.request));
        fresh += 1;
      } else if (account.currency === currency && (type ?? account.type) === account.type) known += 1;
      else throw new LedgerError('account_exists', `address ${address} has another type or currency`);
    } catch (error) {
      if (!(error instanceof LedgerError)) throw error;
      refused.push(refusal(line, error));
    }
  };
  const { firsts, repeats } = splitByAddress(lines);
  for (let start = 0; start < firsts.length; start += OPENED_AT_ONCE) {
    await Promise.all(firsts.slice(start, start + OPENED_AT_ONCE).map(open));
  }
  if (repeats.length > 0) {
    const more = await openAccounts(ledger, repeats);
    known += more.known;
    fresh += more.fresh;
    refused.push(...more.refused);
  }
  return { fresh, known, refused: refused.sort((a, b) => a.line - b.line) };
}

function splitByAddress(lines: readonly AccountLine[]) {
  const seen = new Set<string>();
  const firsts: AccountLine[] = [];
  const repeats: AccountLine[] = [];
  for (const line of lines) {
    (seen.has(line.request.address) ? repeats : firsts).push(line);
    seen.add(line.request.address);
  }
  return { firsts, repeats };
}

async function persist<Result>(line: number | undefined, work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LedgerError && error.retryable)) throw error;
      await pauseBefore(attempt, line, error);
    }
  }
}

async function pauseBefore(attempt: number, line: number | undefined, error: LedgerError): Promise<void> {
  if (attempt < ATTEMPTS_MAX) return wait(FIRST_PAUSE_MS * 2 ** (attempt - 1));
  throw new CliError(
    'import_stopped',
    `stopped at line ${line} (${error.code}: ${error.message}); run the same command again to continue from there`,
    { cause: error },
  );
}

function refusal({ line }: ImportLine, { code, message }: LedgerError): RefusedLine {
  return { line, code, message };
}
