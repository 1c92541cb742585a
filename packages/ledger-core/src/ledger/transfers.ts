import type { Outcome } from '../domain/decision/decide.js';
import { transferNotFound } from '../domain/decision/move.js';
import { elementsOf, invalidArgument, object } from '../domain/input/arguments.js';
import { type PageOptions, toPage } from '../domain/input/page.js';
import { decodeCursor, encodeCursor, PAGE, PAGE_LIMIT_DEFAULT, placeIn } from '../domain/input/paging.js';
import { checkLeg, type LinkedLeg, REVERSAL } from '../domain/transfers/leg.js';
import { isReversible, type ReverseTransfer } from '../domain/transfers/reversal.js';
import {
  checkPostTransfer,
  LINKED_LEGS_MAX,
  type PostedTransfer,
  type PostResult,
  type PostTransfer,
  REQUEST_OPTIONS,
  type RequestOptions,
  type Transfer,
  type TransferId,
  transferId,
} from '../domain/transfers/transfer.js';
import { invariant, LedgerError } from '../errors.js';
import { findGroup, findReversals, getTransfer } from '../postgres/journal.js';
import { singlePosting, toPosting } from '../posting/candidates.js';
import type { Posting } from '../posting/waiting.js';
import type { Transfers } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';

/** An error that is no refusal is a fault. */
type Answered = Outcome | Error;

/** Takes postings through the posting pipeline, in array order where they share a sequence; one outcome each. */
export type Submit = (postings: readonly Posting[]) => Promise<readonly Answered[]>;

const REQUESTS_PER_BATCH = 1_000;

const { amount: _amount, id: _id, ...GROUP_REVERSAL } = REVERSAL;
const readPage = object<PageOptions>(PAGE);
const readOptions = object<RequestOptions>(REQUEST_OPTIONS);
const readReversal = object<ReverseTransfer>({ ...REQUEST_OPTIONS, ...REVERSAL });
/** A group is taken back as a whole: an amount and an id are for one leg. */
const readGroupReversal = object<Omit<ReverseTransfer, 'amount' | 'id'>>({ ...REQUEST_OPTIONS, ...GROUP_REVERSAL });

export function createTransfers(context: LedgerContext, submit: Submit): Omit<Transfers, 'list'> {
  return {
    async post(given) {
      const request = checkPostTransfer(given);
      const { ledger } = await context.store();
      const [outcome] = await submit([singlePosting(ledger, request, null)]);
      return onlyTransfer(outcome);
    },
    async postMany(requests) {
      const checked = elementsOf(requests, 'requests').map(checkOne);
      const good = checked.filter((one): one is PostTransfer => !(one instanceof LedgerError));
      // Refusals alone need no database.
      const ledger = good.length === 0 ? 0 : (await context.store()).ledger;
      const sequence = {};
      const postings = good.map((request) => singlePosting(ledger, request, sequence));
      const outcomes = (await submitInBatches(submit, postings))[Symbol.iterator]();
      return checked.map((one) => toResult(one instanceof LedgerError ? one : (outcomes.next().value as Answered)));
    },
    async postLinked(given, options = {}) {
      const grouped = { ...readOptions(options, 'options'), linked: true, sequence: null };
      const legs = checkLinked(given);
      const { ledger } = await context.store();
      const posting = toPosting(ledger, legs, grouped);
      const [outcome] = await submit([posting]);
      return transfersOf(outcome);
    },
    async reverse(id, given = {}) {
      const { options, leg } = splitOptions(readReversal(given, 'options'));
      return submitLeg(context, submit, { ...leg, kind: 'reversal', transfer: transferId(id, 'id') }, options);
    },
    async reverseLinked(groupId, given = {}) {
      const { options, leg } = splitOptions(readGroupReversal(given, 'options'));
      const id = transferId(groupId, 'groupId');
      const grouped = { ...options, linked: true, sequence: null };
      // Backwards: what came in last goes out first.
      const reversals = (await groupOf(id)).filter(isReversible).toReversed();
      if (reversals.length === 0) throw transferNotFound(id);
      const legs = reversals.map(({ id: transfer }) => ({ ...leg, kind: 'reversal' as const, transfer }));
      const { ledger } = await context.store();
      const [outcome] = await submit([toPosting(ledger, legs, grouped)]);
      return transfersOf(outcome);
    },
    async get(given) {
      const id = transferId(given, 'id');
      return context.read((store) => getTransfer(store, id));
    },
    getLinked: async (groupId) => groupOf(transferId(groupId, 'groupId')),
    async reversals(given, options = {}) {
      const { limit: count = PAGE_LIMIT_DEFAULT, cursor } = readPage(options, 'options');
      const place = decodeCursor(cursor, ['number']);
      const id = transferId(given, 'id');
      return context.read(async (store) => {
        await getTransfer(store, id);
        const list = ['reversals', store.ledger, id];
        const [after] = placeIn(list, place).map(BigInt);
        const rows = await findReversals(store, id, { after, limit: count + 1 });
        return toPage(rows, count, ({ fromBalance }) => encodeCursor(list, fromBalance.version));
      });
    },
  };

  async function groupOf(id: TransferId): Promise<readonly Transfer[]> {
    const group = await context.read((store) => findGroup(store, id));
    if (group.length === 0) throw transferNotFound(id);
    return group;
  }
}

/** Takes a checked leg through the posting pipeline as a request of its own, linked to no other. */
export async function submitLeg(
  context: LedgerContext,
  submit: Submit,
  leg: LinkedLeg,
  options: RequestOptions,
): Promise<PostedTransfer> {
  const { ledger } = await context.store();
  const posting = toPosting(ledger, [leg], { ...options, linked: false, sequence: null });
  const [outcome] = await submit([posting]);
  return onlyTransfer(outcome);
}

/**
 * A batch after the other, so that a long call waits instead of filling the queue. When one fails as a whole,
 * those before it have results that their caller must hear of.
 */
async function submitInBatches(submit: Submit, postings: readonly Posting[]): Promise<readonly Answered[]> {
  const outcomes: Answered[] = [];
  for (let start = 0; start < postings.length; start += REQUESTS_PER_BATCH) {
    const batch = postings.slice(start, start + REQUESTS_PER_BATCH);
    const answered = await submit(batch).catch((error: Error) => {
      if (start === 0) throw error;
      return batch.map(() => error);
    });
    outcomes.push(...answered);
  }
  return outcomes;
}

/** Answers the refusal instead of throwing it: the neighbours of a bad request go on. */
function checkOne(request: unknown, index: number): PostTransfer | LedgerError {
  try {
    return checkPostTransfer(request as PostTransfer, `requests.${index}`);
  } catch (error) {
    if (error instanceof LedgerError) return error;
    throw error;
  }
}

/** Splits a request into its leg and the options of the request as a whole. */
export function splitOptions<Request extends RequestOptions>({ idempotencyKey, scope, dryRun, ...leg }: Request) {
  return { leg, options: { idempotencyKey, scope, dryRun } as RequestOptions };
}

function checkLinked(given: readonly LinkedLeg[]): readonly LinkedLeg[] {
  const all = elementsOf(given, 'legs');
  const legs = all.slice(0, LINKED_LEGS_MAX).map(checkLinkedLeg);
  const ids = legs.map(({ id }) => id).filter((id) => id !== undefined);
  if (new Set(ids).size < ids.length)
    throw invalidArgument('legs', 'must have different ids: two legs have the same one');
  if (all.length === 0 || all.length > LINKED_LEGS_MAX) {
    throw new LedgerError('too_many_legs', `legs must be 1 to ${LINKED_LEGS_MAX} transfers`, { field: 'legs' });
  }
  return legs;
}

function checkLinkedLeg(given: unknown, index: number): LinkedLeg {
  try {
    return checkLeg(given as LinkedLeg, `legs.${index}`);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new LedgerError(error.code, `leg ${index}: ${error.message}`, { ...error.details, leg: index }, error);
  }
}

function transfersOf(outcome: Answered | undefined): readonly PostedTransfer[] {
  invariant(outcome !== undefined, 'every request has an outcome');
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

function onlyTransfer(outcome: Answered | undefined): PostedTransfer {
  const [transfer] = transfersOf(outcome);
  invariant(transfer !== undefined, 'a posted request has a transfer');
  return transfer;
}

function toResult(outcome: Answered): PostResult {
  if (outcome instanceof LedgerError) return { ok: false, error: outcome };
  if (outcome instanceof Error) {
    const error = new LedgerError('internal_error', 'this request failed and was not posted', {}, { cause: outcome });
    return { ok: false, error };
  }
  return { ok: true, transfer: onlyTransfer(outcome) };
}
