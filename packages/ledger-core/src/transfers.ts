import type { Book } from './book.js';
import type { Outcome } from './domain/decide.js';
import { checkLeg, type LinkedLeg, OPTION_NAMES } from './domain/leg.js';
import { transferNotFound } from './domain/move.js';
import { checkPageLimit, decodeCursor, encodeCursor, placeIn } from './domain/paging.js';
import { isReversible } from './domain/reversal.js';
import {
  checkOptions,
  checkTransferRequest,
  copyRequest,
  isTransferId,
  LINKED_LEGS_MAX,
  type PostedTransfer,
  type PostResult,
  type RequestOptions,
  type Transfer,
  type TransferId,
  type TransferRequest,
} from './domain/transfer.js';
import { singleSubmission, toSubmission } from './engine/candidates.js';
import type { Submission } from './engine/waiting.js';
import { invariant, LedgerError } from './errors.js';
import type { Transfers } from './ledger-api.js';
import { toPage } from './page.js';
import { findGroup, findReversals, getTransfer } from './postgres/journal.js';
import { fail } from './postgres/sql-errors.js';

/** Takes submissions along the road, in array order where they share an order; one outcome each. */
export type Submit = (submissions: readonly Submission[]) => Promise<readonly Outcome[]>;

const REQUESTS_IN_TURN = 1_000;

export function createTransfers(book: Book, submit: Submit): Transfers {
  const { store } = book.engine;
  return {
    async post(given) {
      const request = checkSingle(given);
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
    async reverse(transfer, options = {}) {
      const [leg, bearing] = splitOptions(options);
      return submitLeg(book, submit, { ...leg, kind: 'reversal', transfer }, bearing);
    },
    async reverseLinked(groupId, options = {}) {
      const [leg, bearing] = splitOptions(options);
      if ('amount' in leg || 'id' in leg) {
        throw new LedgerError('invalid_request', 'a group is taken back as a whole: amount and id are for one leg');
      }
      const id = checkTransferId(groupId);
      const grouped = { ...bearing, linked: true, order: null };
      const legs = checkLinked([{ ...leg, kind: 'reversal', transfer: id }], grouped);
      // Backwards: what came in last goes out first.
      const reversals = (await groupOf(id)).filter(isReversible).toReversed();
      if (reversals.length === 0) throw transferNotFound(id);
      const all = reversals.flatMap(({ id: transfer }) => legs.map((one) => ({ ...one, transfer })));
      const [outcome] = await submit([toSubmission(await book.number(), all, grouped)]);
      return transfersOf(outcome);
    },
    get: async (id) => getTransfer(book.reads, store, await book.number(), checkTransferId(id)).catch(fail),
    getLinked: async (groupId) => groupOf(checkTransferId(groupId)),
    async reversals(id, { limit, cursor } = {}) {
      const transferId = checkTransferId(id);
      const count = checkPageLimit(limit);
      const given = decodeCursor(cursor, REVERSAL_CURSOR);
      const ledger = await book.number();
      await getTransfer(book.reads, store, ledger, transferId).catch(fail);
      const list = ['reversals', ledger, transferId];
      const [after] = placeIn(list, given).map(BigInt);
      const range = { after, limit: count + 1 };
      const rows = await findReversals(book.reads, store, ledger, transferId, range).catch(fail);
      return toPage(rows, count, ({ fromBalance }) => encodeCursor(list, fromBalance.version));
    },
  };

  async function groupOf(id: TransferId): Promise<readonly Transfer[]> {
    const group = await findGroup(book.reads, store, await book.number(), id).catch(fail);
    if (group.length === 0) throw transferNotFound(id);
    return group;
  }
}

const REVERSAL_CURSOR = /^(\d{1,18})$/;

/** Checks a leg and takes it along the road as a request of its own, linked to no other. */
export async function submitLeg(
  book: Book,
  submit: Submit,
  given: LinkedLeg,
  options: RequestOptions,
): Promise<PostedTransfer> {
  const leg = checkLeg(given);
  const submission = toSubmission(await book.number(), [leg], { ...options, linked: false, order: null });
  const [outcome] = await submit([submission]);
  return onlyTransfer(outcome);
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
    return checkSingle(request);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

function checkSingle(given: TransferRequest): TransferRequest {
  const request = checkTransferRequest(given);
  if ('kind' in request) throw new LedgerError('invalid_request', 'only a leg of a linked group has a kind');
  return request;
}

/** What a request says of its leg, and what it bears as a whole. */
export function splitOptions<Given extends RequestOptions>(
  given: Given,
): [leg: Omit<Given, keyof RequestOptions>, options: RequestOptions] {
  const { idempotencyKey, scope, dryRun, ...leg } = copyRequest(given);
  const options = {
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
    ...(scope === undefined ? {} : { scope }),
    ...(dryRun === undefined ? {} : { dryRun }),
  };
  checkOptions(options);
  return [leg as Omit<Given, keyof RequestOptions>, options];
}

function checkTransferId(id: string): TransferId {
  if (typeof id === 'string' && isTransferId(id)) return id;
  throw new LedgerError('transfer_not_found', 'a transfer id is a UUID in lower case');
}

function checkLinked(given: readonly LinkedLeg[], options: RequestOptions): readonly LinkedLeg[] {
  if (!Array.isArray(given)) throw new LedgerError('invalid_request', 'a linked group is an array of transfers');
  checkOptions(options);
  // Array.from visits holes too, which map passes over.
  const legs = Array.from(given.slice(0, LINKED_LEGS_MAX), checkLinkedLeg);
  const ids = legs.map(({ id }) => id).filter((id) => id !== undefined);
  if (new Set(ids).size < ids.length) {
    throw new LedgerError('invalid_request', 'two legs have the same id');
  }
  if (given.length === 0 || given.length > LINKED_LEGS_MAX) {
    throw new LedgerError('too_many_legs', `a linked group has 1 to ${LINKED_LEGS_MAX} transfers`);
  }
  return legs;
}

function checkLinkedLeg(given: LinkedLeg, index: number): LinkedLeg {
  try {
    const leg = checkLeg(given);
    if (OPTION_NAMES.some((name) => name in leg)) {
      throw new LedgerError('invalid_request', 'the group bears the idempotency key, scope and dryRun, not a leg');
    }
    return leg;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new LedgerError(error.code, `leg ${index}: ${error.message}`, { ...error.details, leg: index });
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
