import type { Book } from './book.js';
import type { Hold } from './domain/hold.js';
import { checkPageLimit, decodeCursor, encodeCursor, placeIn } from './domain/paging.js';
import { isTransferId, type PostedTransfer, type TransferId } from './domain/transfer.js';
import { expirySubmission } from './engine/candidates.js';
import { LedgerError } from './errors.js';
import type { Holds } from './ledger-api.js';
import { toPage } from './page.js';
import { accountNotFound } from './postgres/accounts.js';
import { plainArray } from './postgres/arrays.js';
import { findDueHolds, findDueHoldsOf, getHold, listHolds, toDueHold } from './postgres/holds.js';
import { fail } from './postgres/sql-errors.js';
import { type Submit, splitOptions, submitLeg } from './transfers.js';

const EXPIRED_IN_TURN = 500;
const HOLD_CURSOR = /^([0-9a-f-]{36})$/;

export function createHolds(book: Book, submit: Submit): Holds {
  const { store, findIdentities } = book.engine;
  return {
    async place(request) {
      const [leg, bearing] = splitOptions(request);
      return asPlaced(await submitLeg(book, submit, { ...leg, kind: 'hold' }, bearing));
    },
    async capture(hold, options = {}) {
      const [leg, bearing] = splitOptions(options);
      return submitLeg(book, submit, { ...leg, kind: 'capture', hold }, bearing);
    },
    async release(hold, options = {}) {
      const [leg, bearing] = splitOptions(options);
      return submitLeg(book, submit, { ...leg, kind: 'release', hold }, bearing);
    },
    async get(id) {
      if (typeof id !== 'string' || !isTransferId(id)) {
        throw new LedgerError('hold_not_found', "a hold's id is a UUID in lower case");
      }
      return getHold(book.reads, store, await book.number(), id).catch(fail);
    },
    async list(reference, { openOnly = false, limit, cursor } = {}) {
      const count = checkPageLimit(limit);
      const given = decodeCursor(cursor, HOLD_CURSOR);
      const ledger = await book.number();
      const [account] = await findIdentities(book.reads, ledger, [reference]).catch(fail);
      if (account === undefined) throw accountNotFound(reference);
      const list = ['holds', ledger, account.id, openOnly];
      const [before] = placeIn(list, given);
      const range = { account: account.id, openOnly, before, limit: count + 1 };
      const rows = await listHolds(book.reads, store, ledger, range).catch(fail);
      return toPage(rows, count, ({ id }) => encodeCursor(list, id));
    },
    async expire() {
      const ledger = await book.number();
      const findDue = () => findDueHolds(book.reads, store, ledger, EXPIRED_IN_TURN).catch(fail);
      return (await expireAll(submit, ledger, findDue)).count;
    },
  };
}

interface Expired {
  readonly count: number;
  /** Why some could not be ended now, their accounts being busy: they are left for the next sweep. */
  readonly hindrance?: LedgerError | undefined;
}

/** Writes the expiry of what `findDue` finds, some in turn, until it finds no more. */
async function expireAll(
  submit: Submit,
  ledger: number,
  findDue: () => Promise<readonly TransferId[]>,
): Promise<Expired> {
  for (let count = 0; ; ) {
    const due = await findDue();
    if (due.length === 0) return { count };
    const outcomes = await submit(due.map((hold) => expirySubmission(ledger, hold)));
    const refusals = outcomes.filter((outcome) => outcome instanceof LedgerError);
    const ended = outcomes.length - refusals.length;
    count += ended;
    if (due.length < EXPIRED_IN_TURN || ended === 0) {
      return { count, hindrance: refusals.find(({ retryable }) => retryable) };
    }
  }
}

/** Ends the holds of one account that are due; answers why, when some could not be ended now. */
export type ExpireOf = (reference: string) => Promise<LedgerError | undefined>;

export function createExpireOf(book: Book, submit: Submit): ExpireOf {
  const { store, findIdentities } = book.engine;
  return async (reference) => {
    const ledger = await book.number();
    const [account] = await findIdentities(book.reads, ledger, [reference]).catch(fail);
    if (account === undefined) return undefined;
    const values = [ledger, plainArray([account.id]), EXPIRED_IN_TURN];
    const { hindrance } = await expireAll(submit, ledger, async () => {
      const { rows } = await book.reads.executeSql(findDueHoldsOf(store).text, values).catch(fail);
      return rows.map((row) => toDueHold(row).id);
    });
    return hindrance;
  };
}

/** As it was placed: a repeated request gets the first answer, whatever has become of the hold since. */
function asPlaced({
  id,
  from,
  to,
  currency,
  amount,
  expiresAt,
  replayed,
}: PostedTransfer): Hold & { replayed: boolean } {
  return { id, from, to, currency, amount, captured: 0n, remaining: amount, state: 'open', expiresAt, replayed };
}
