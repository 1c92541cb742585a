import type { AccountId } from '../domain/accounts/account.js';
import type { Candidate, Outcome } from '../domain/decision/decide.js';
import type { TransferRequestId } from '../domain/transfers/transfer-request.js';
import { invariant, LedgerError } from '../errors.js';
import { asTexts } from '../postgres/arrays.js';
import { lockFreeBalances, lockValues } from '../postgres/balances.js';
import { type RequestEventRow, writeEvents } from '../postgres/events.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import {
  claimRequests,
  putOffRequests,
  type RequestRow,
  type Settlement,
  settleRequests,
} from '../postgres/transfer-requests.js';
import { toPosting } from './candidates.js';
import { touches } from './post-batch.js';
import { accountsOf } from './posting-pipeline.js';
import type { Posting } from './waiting.js';

export interface RequestProcessing {
  readonly batchSizeMax: number;
  readonly lockTimeoutMs: number;
  /** Takes postings through the posting pipeline in this transaction, in order; one outcome each. */
  readonly post: (postings: readonly Posting[]) => Promise<readonly Outcome[]>;
  /** The candidates that postings become once their accounts are known. */
  readonly resolve: (postings: readonly Posting[]) => Promise<readonly Candidate[]>;
  /** Called for a request that met a fault; it stays open and is retried later. */
  readonly onFault: (error: unknown, id: TransferRequestId) => void;
}

export interface ProcessedRequests {
  readonly posted: number;
  readonly refused: number;
  /** Left for later: an account is locked by somebody else, or a fault struck. */
  readonly putOff: number;
}

const BUSY_DELAY_MS = 200;
const FAULT_DELAY_MS = 10_000;

/**
 * Posts the oldest open requests and settles them, in the one transaction that claimed them: the transfers, the
 * outcomes and their events commit together or not at all, so a crash leaves nothing half done.
 */
export async function processRequests(
  store: LedgerStore<Transaction>,
  options: RequestProcessing,
): Promise<ProcessedRequests> {
  const { batchSizeMax, lockTimeoutMs } = options;
  const rows = await claimRequests(store, batchSizeMax);
  if (rows.length === 0) return { posted: 0, refused: 0, putOff: 0 };
  await store.sql.executeSql(`select set_config('lock_timeout', $1, true)`, [`${lockTimeoutMs}ms`]);
  const batch: Batch = { store, options, settled: [], busy: [], faulty: [] };
  await postRows(batch, rows, false);
  await settleRequests(
    store,
    batch.settled.map(({ settlement }) => settlement),
  );
  await writeEvents(store, batch.settled.flatMap(outcomeEvents));
  await putOff(batch, batch.busy, BUSY_DELAY_MS);
  await putOff(batch, batch.faulty, FAULT_DELAY_MS);
  const posted = batch.settled.filter(({ settlement }) => settlement.state === 'posted').length;
  return {
    posted,
    refused: batch.settled.length - posted,
    putOff: batch.busy.length + batch.faulty.length,
  };
}

interface Settled {
  readonly row: RequestRow;
  readonly settlement: Settlement;
}

interface Batch {
  readonly store: LedgerStore<Transaction>;
  readonly options: RequestProcessing;
  readonly settled: Settled[];
  readonly busy: RequestRow[];
  readonly faulty: RequestRow[];
}

/** Posts what can be posted: without the requests whose accounts are locked, and past the one that is at fault. */
async function postRows(batch: Batch, rows: readonly RequestRow[], onlyFree: boolean): Promise<void> {
  if (rows.length === 0) return;
  const sequence = {};
  const postings = rows.map((row) => toRequestPosting(batch.store.ledger, row, sequence));
  try {
    const outcomes = await batch.options.post(postings);
    rows.forEach((row, index) => {
      const outcome = outcomes[index];
      invariant(outcome !== undefined, 'every request has an outcome');
      batch.settled.push({ row, settlement: toSettlement(row, outcome) });
    });
  } catch (error) {
    const isBusy = error instanceof LedgerError && error.code === 'account_busy';
    // The database is away, or another transaction came in between: all of it runs again later.
    if (error instanceof LedgerError && error.retryable && !isBusy) throw error;
    if (isBusy && !onlyFree) {
      const free = await withoutBusy(batch, rows, postings);
      await postRows(batch, free, true);
    } else if (rows.length > 1) {
      const middle = Math.ceil(rows.length / 2);
      await postRows(batch, rows.slice(0, middle), onlyFree);
      await postRows(batch, rows.slice(middle), onlyFree);
    } else {
      giveUp(batch, rows[0] as RequestRow, error, isBusy);
    }
  }
}

function giveUp({ busy, faulty, options }: Batch, row: RequestRow, error: unknown, isBusy: boolean): void {
  if (isBusy) {
    busy.push(row);
    return;
  }
  faulty.push(row);
  options.onFault(error, row.id);
}

/** Locks the accounts that are free, and returns the requests that need no others. */
async function withoutBusy(
  { store, options, busy }: Batch,
  rows: readonly RequestRow[],
  postings: readonly Posting[],
): Promise<readonly RequestRow[]> {
  const candidates = await options.resolve(postings);
  const accounts = accountsOf(candidates);
  const { rows: locked } = await store.sql.executeSql(
    lockFreeBalances(store).text,
    lockValues(asTexts, store.ledger, accounts) as unknown[],
  );
  const free = new Set(locked.map((row) => row.account_id as AccountId));
  const taken = new Set(accounts.filter((account) => !free.has(account)));
  const isBusy = (_: RequestRow, index: number) => touches(candidates[index] as Candidate, taken);
  busy.push(...rows.filter(isBusy));
  return rows.filter((row, index) => !isBusy(row, index));
}

/**
 * The ids and digests were fixed when the request was stored, so that every run is the same request. Its caller has known the id
 * since then, and may have posted something else with it.
 */
function toRequestPosting(ledger: number, row: RequestRow, sequence: object): Posting {
  const { from, to, amount, currency, description, metadata, reference, effectiveAt, keyDigest, requestDigest } = row;
  const leg = {
    from,
    to,
    amount,
    currency,
    ...(description === undefined ? {} : { description }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(reference === undefined ? {} : { reference }),
    ...(effectiveAt === undefined ? {} : { effectiveAt }),
  };
  const posting = toPosting(ledger, [leg], { linked: false, sequence, traceparent: row.traceparent });
  return {
    ...posting,
    toCandidate(lookUp) {
      const candidate = posting.toCandidate(lookUp);
      const legs = candidate.legs.map((resolved) => ({ ...resolved, id: row.transferId, idGiven: true }));
      return { ...candidate, legs, keyDigest, requestDigest };
    },
  };
}

function toSettlement({ id, transferId }: RequestRow, outcome: Outcome): Settlement {
  if (outcome instanceof LedgerError) {
    const { code, message, details } = outcome;
    return { id, state: 'refused', transferId, refusal: { code, message, details } };
  }
  const [transfer] = outcome;
  invariant(transfer !== undefined, 'a posted request has a transfer');
  return { id, state: 'posted', transferId: transfer.id, refusal: null };
}

/** A posted transfer's row is its event, unless its id differs from the announced one. */
function outcomeEvents({ row, settlement }: Settled): readonly RequestEventRow[] {
  const { id: requestId, transferId, traceparent } = row;
  if (settlement.refusal !== null) {
    const data = { requestId, transferId, ...settlement.refusal };
    return [{ type: 'transfer.refused.v1', subject: transferId, data, traceparent }];
  }
  if (settlement.transferId === transferId) return [];
  const data = { requestId, transferId, postedTransferId: settlement.transferId };
  return [{ type: 'transfer.request_replayed.v1', subject: transferId, data, traceparent }];
}

async function putOff({ store }: Batch, rows: readonly RequestRow[], delayMs: number): Promise<void> {
  if (rows.length === 0) return;
  const ids = rows.map(({ id }) => id);
  await putOffRequests(store, { ids, delayMs });
}
