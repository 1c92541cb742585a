import type { Book } from './book.js';
import type { Outcome } from './domain/decide.js';
import {
  checkKey,
  checkTransferRequest,
  isTransferId,
  LINKED_LEGS_MAX,
  type PostedTransfer,
  type PostResult,
  type TransferLeg,
} from './domain/transfer.js';
import { singleSubmission, toSubmission } from './engine/candidates.js';
import type { Submission } from './engine/waiting.js';
import { invariant, LedgerError } from './errors.js';
import type { Transfers } from './ledger-api.js';
import { getTransfer } from './postgres/journal.js';
import { fromSqlError } from './postgres/sql-errors.js';

/** Takes submissions along the road, in array order where they share an order; one outcome each. */
export type Submit = (submissions: readonly Submission[]) => Promise<readonly Outcome[]>;

export function createTransfers(book: Book, submit: Submit): Transfers {
  return {
    async post(request) {
      checkTransferRequest(request);
      const [outcome] = await submit([singleSubmission(await book.number(), request, null)]);
      return onlyTransfer(outcome);
    },
    async postMany(requests) {
      const ledger = await book.number();
      const order = {};
      const checked = requests.map((request) => {
        const refusal = refusalOf(() => checkTransferRequest(request));
        return refusal ?? singleSubmission(ledger, request, order);
      });
      const accepted = checked.filter((one): one is Submission => !(one instanceof LedgerError));
      const outcomes = (await submit(accepted))[Symbol.iterator]();
      return checked.map((one) => toResult(one instanceof LedgerError ? one : (outcomes.next().value as Outcome)));
    },
    async postLinked(legs, options = {}) {
      checkLinked(legs);
      checkKey(options);
      const submission = toSubmission(await book.number(), legs, { ...options, linked: true, order: null });
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

function checkLinked(legs: readonly TransferLeg[]): void {
  if (!Array.isArray(legs) || legs.length === 0 || legs.length > LINKED_LEGS_MAX) {
    throw new LedgerError('too_many_legs', `a linked group has 1 to ${LINKED_LEGS_MAX} transfers`);
  }
  legs.forEach((leg, index) => {
    const refusal = refusalOf(() => checkTransferRequest(leg));
    if (refusal !== undefined) {
      throw new LedgerError(refusal.code, `leg ${index}: ${refusal.message}`, { ...refusal.details, leg: index });
    }
    if ('idempotencyKey' in leg || 'scope' in leg) {
      throw new LedgerError('invalid_request', 'the group bears the idempotency key, not a leg', { leg: index });
    }
  });
  const ids = legs.map(({ id }) => id).filter((id) => id !== undefined);
  if (new Set(ids).size < ids.length) {
    throw new LedgerError('invalid_request', 'two legs have the same id');
  }
}

function refusalOf(check: () => void): LedgerError | undefined {
  try {
    check();
    return undefined;
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
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
