import { type Backoff, retry } from '../backoff.js';
import { type Check, elementsOf, hasMethods, invalidArgument, valid } from '../domain/input/arguments.js';
import { result } from '../domain/json/result.js';
import type { TransferId } from '../domain/transfers/transfer.js';
import {
  type CheckedTransferRequest,
  checkTransferRequest,
  isTransferRequestId,
  type SubmitResult,
  type SubmitTransferRequest,
  type SubmittedTransferRequest,
  type TransferRequestId,
} from '../domain/transfers/transfer-request.js';
import { LedgerError } from '../errors.js';
import { type RequestEventRow, writeEvents } from '../postgres/events.js';
import type { LedgerStore } from '../postgres/store.js';
import type { Transaction } from '../postgres/transaction-adapter.js';
import {
  findRequestsByKeys,
  getRequest,
  insertRequests,
  type NewRequest,
  type RequestRow,
} from '../postgres/transfer-requests.js';
import { uuidv7 } from '../posting/uuids.js';
import { activeTraceparent, sampledTraceparent } from '../tracing.js';
import type { Ledger, Requests } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';

/** A ledger, known by what is called on its requests. */
export function ledgerWith<Given extends Pick<Ledger, 'requests'>>(
  ...methods: readonly (keyof Requests)[]
): Check<Given> {
  const isLedger = (value: unknown) => {
    try {
      return hasMethods((value as Partial<Given> | null | undefined)?.requests, ...methods);
    } catch {
      return false;
    }
  };
  return valid(isLedger, 'must be a ledger, as createLedger makes it');
}

const SUBMIT_ATTEMPTS_MAX = 5;
const SUBMIT_BACKOFF: Backoff = { firstMs: 25, maxMs: 400 };

/** Stores and reads transfer requests; the request worker processes them. */
export function createRequests(context: LedgerContext): Pick<Requests, 'submit' | 'submitMany' | 'get'> {
  const { requested } = context.engine;

  async function submitChecked(requests: readonly CheckedTransferRequest[]): Promise<readonly SubmitResult[]> {
    if (requests.length === 0) return [];
    const results = await withRetries(context, (store) => storeRequests(store, requests));
    if (context.isCommitted) requested.announce();
    return results;
  }

  /** Writes the rows and their events in one transaction; the rows come first, because they give the transaction its id. */
  async function storeRequests(
    store: LedgerStore<Transaction>,
    requests: readonly CheckedTransferRequest[],
  ): Promise<readonly SubmitResult[]> {
    const given = requests.map(
      (request): NewRequest => ({
        ...request,
        id: uuidv7() as TransferRequestId,
        transferId: uuidv7() as TransferId,
        traceparent: request.traceparent === undefined ? activeTraceparent() : sampledTraceparent(request.traceparent),
      }),
    );
    const inserted = await insertRequests(store, given);
    const fresh = given.filter(({ id }) => inserted.ids.has(id));
    await writeEvents(store, fresh.map(requestedEvent));
    const keys = requests.map(({ keyDigest }) => keyDigest);
    const stored = await findRequestsByKeys(store, keys);
    return given.map((request) =>
      inserted.reused.has(request.id) ? keyReused() : resultOf(request, stored.get(request.keyDigest)),
    );
  }

  return {
    async submit(request) {
      const [result] = await submitChecked([checkTransferRequest(request)]);
      if (result?.ok !== true) throw result?.error ?? notVisible();
      return result.request;
    },
    async submitMany(requests) {
      const checked = elementsOf(requests, 'requests').map(checkOne);
      const good = checked.filter((one): one is CheckedTransferRequest => !(one instanceof LedgerError));
      const results = (await submitChecked(good)).values();
      return checked.map((one) =>
        one instanceof LedgerError ? { ok: false, error: one } : (results.next().value as SubmitResult),
      );
    },
    async get(id) {
      if (typeof id !== 'string') throw invalidArgument('id', 'must be the id of a transfer request');
      if (!isTransferRequestId(id)) {
        throw new LedgerError('transfer_request_not_found', "id: a transfer request's id is a UUID in lower case");
      }
      const {
        keyDigest: _,
        requestDigest: __,
        traceparent: ___,
        ...request
      } = await context.read((store) => getRequest(store, id));
      return result(request);
    },
  };
}

/** Two callers who store the same keys in another order may deadlock; in a caller's transaction that is theirs to repeat. */
function withRetries<Result>(
  context: LedgerContext,
  work: (store: LedgerStore<Transaction>) => Promise<Result>,
): Promise<Result> {
  const isRetryable = (error: unknown) =>
    context.isCommitted && error instanceof LedgerError && error.code === 'transaction_conflict';
  return retry(() => context.change(work), { backoff: SUBMIT_BACKOFF, attemptsMax: SUBMIT_ATTEMPTS_MAX, isRetryable });
}

function checkOne(request: unknown, index: number): CheckedTransferRequest | LedgerError {
  try {
    return checkTransferRequest(request as SubmitTransferRequest, `requests.${index}`);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

function resultOf(request: NewRequest, row: RequestRow | undefined): SubmitResult {
  if (row === undefined) return { ok: false, error: notVisible() };
  const { keyDigest: _, requestDigest, traceparent: __, ...stored } = row;
  if (requestDigest !== request.requestDigest) return keyReused();
  const submitted: SubmittedTransferRequest = result({ ...stored, replayed: stored.id !== request.id });
  return { ok: true, request: submitted };
}

function keyReused(): SubmitResult {
  const message = 'this idempotency key was already used for a different request: use a new key for a new request';
  return { ok: false, error: new LedgerError('idempotency_key_reused', message) };
}

function notVisible(): LedgerError {
  return new LedgerError('transaction_isolation', 'within() needs a READ COMMITTED transaction');
}

function requestedEvent({ id, transferId, requestedBy, leg, traceparent }: NewRequest): RequestEventRow {
  return {
    traceparent,
    type: 'transfer.requested.v1',
    subject: transferId,
    data: {
      requestId: id,
      transferId,
      from: leg.from,
      to: leg.to,
      amount: String(leg.amount),
      currency: leg.currency,
      description: leg.description ?? null,
      metadata: leg.metadata ?? null,
      reference: leg.reference ?? null,
      requestedBy,
    },
  };
}
