import type { Book } from './book.js';
import type { Outcome } from './domain/decide.js';
import {
  checkKey,
  checkTransferRequest,
  isTransferId,
  LINKED_LEGS_MAX,
  type LinkedOptions,
  type PostedTransfer,
  type PostResult,
  type TransferLeg,
  type TransferRequest,
} from './domain/transfer.js';
import { singleSubmission, toSubmission } from './engine/candidates.js';
import type { Submission } from './engine/waiting.js';
import { invariant, LedgerError } from './errors.js';
import type { Transfers } from './ledger-api.js';
import { getTransfer } from './postgres/journal.js';
import { fromSqlError } from './postgres/sql-errors.js';

/** Takes submissions along the road, in array order where they share an order; one outcome each. */
export type Submit = (submissions: readonly Submission[]) => Promise<readonly Outcome[]>;

const REQUESTS_IN_TURN = 1_000;

export function createTransfers(book: Book, submit: Submit): Transfers {
  return {
    async post(given) {
      const request = checkTransferRequest(given);
      const [outcome] = await submit([singleSubmission(await book.number(), request, null)]);
      return onlyTransfer(outcome);
    },
    async postMany(requests) {
      const checked = requests.map(checkOne);
      const ledger = await book.number();
      const order = {};
      const submissions = checked
        .filter((one): one is TransferRequest => !(one instanceof LedgerError))
        .map((request) => singleSubmission(ledger, request, order));
      const outcomes = (await submitInTurn(submit, submissions))[Symbol.iterator]();
      return checked.map((one) => toResult(one instanceof LedgerError ? one : (outcomes.next().value as Outcome)));
    },
    async postLinked(given, options = {}) {
      // Copied before anything is awaited: what the caller changes afterwards is another request's.
      const grouped = { ...options, linked: true, order: null };
      const legs = checkLinked(given, grouped);
      const submission = toSubmission(await book.number(), legs, grouped);
      const [outcome] = await submit([submission]);
      return transfersOf(outcome);
    },
    async get(id) {
      if (typeof id !== 'string' || !isTransferId(id)) {
        throw new LedgerError('transfer_not_found', 'a transfer id is a UUID in lower case');
      }
      try {
        return await getTransfer(book.reads, book.engine.store, await book.number(), id);
      } catch (error) {
        throw fromSqlError(error);
      }
    },
  };
}

/** A batch after the other, so that a long call waits for its turn instead of filling the queue. */
async function submitInTurn(submit: Submit, submissions: readonly Submission[]): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (let start = 0; start < submissions.length; start += REQUESTS_IN_TURN) {
    outcomes.push(...(await submit(submissions.slice(start, start + REQUESTS_IN_TURN))));
  }
  return outcomes;
}

/** Answers the refusal instead of throwing it: the neighbours of a bad request go on. */
function checkOne(request: TransferRequest): TransferRequest | LedgerError {
  try {
    return checkTransferRequest(request);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

function checkLinked(given: readonly TransferLeg[], options: LinkedOptions): readonly TransferLeg[] {
  if (!Array.isArray(given)) throw new LedgerError('invalid_request', 'a linked group is an array of transfers');
  checkKey(options);
  // Array.from visits holes too, which map passes over.
  const legs = Array.from(given.slice(0, LINKED_LEGS_MAX), checkLeg);
  const ids = legs.map(({ id }) => id).filter((id) => id !== undefined);
  if (new Set(ids).size < ids.length) {
    throw new LedgerError('invalid_request', 'two legs have the same id');
  }
  if (given.length === 0 || given.length > LINKED_LEGS_MAX) {
    throw new LedgerError('too_many_legs', `a linked group has 1 to ${LINKED_LEGS_MAX} transfers`);
  }
  return legs;
}

function checkLeg(leg: TransferLeg, index: number): TransferLeg {
  const checked = checkOne(leg);
  if (checked instanceof LedgerError) {
    throw new LedgerError(checked.code, `leg ${index}: ${checked.message}`, { ...checked.details, leg: index });
  }
  if ('idempotencyKey' in checked || 'scope' in checked) {
    throw new LedgerError('invalid_request', 'the group bears the idempotency key, not a leg', { leg: index });
  }
  return checked;
}

function transfersOf(outcome: Outcome | undefined): readonly PostedTransfer[] {
  invariant(outcome !== undefined, 'every request has an outcome');
  if (outcome instanceof LedgerError) throw outcome;
  return outcome;
}

function onlyTransfer(outcome: Outcome | undefined): PostedTransfer {
  const [transfer] = transfersOf(outcome);
  invariant(transfer !== undefined, 'a posted request has a transfer');
  return transfer;
}

function toResult(outcome: Outcome): PostResult {
  if (outcome instanceof LedgerError) return { ok: false, error: outcome };
  return { ok: true, transfer: onlyTransfer(outcome) };
}
