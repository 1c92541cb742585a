import { flag, object, optional } from '../domain/input/arguments.js';
import { type PageOptions, toPage } from '../domain/input/page.js';
import { decodeCursor, encodeCursor, PAGE, PAGE_LIMIT_DEFAULT, placeIn } from '../domain/input/paging.js';
import { result } from '../domain/json/result.js';
import type { CaptureHold, Hold, PlaceHold, ReleaseHold } from '../domain/transfers/hold.js';
import { CAPTURE, HOLD, RELEASE } from '../domain/transfers/leg.js';
import {
  holdId,
  type PostedTransfer,
  REQUEST_OPTIONS,
  type TransferId,
  withCurrency,
} from '../domain/transfers/transfer.js';
import { LedgerError } from '../errors.js';
import { accountNotFound, checkReference, findIdentities } from '../postgres/accounts.js';
import { findDueHolds, findDueHoldsOfAccount, getHold, listHolds } from '../postgres/holds.js';
import type { LedgerStore } from '../postgres/store.js';
import { expiryPosting } from '../posting/candidates.js';
import type { Holds } from './ledger-api.js';
import type { LedgerContext } from './ledger-context.js';
import { type Submit, splitOptions, submitLeg } from './transfers.js';

const readPlace = object<PlaceHold>({ ...REQUEST_OPTIONS, ...HOLD });
const readCapture = object<CaptureHold>({ ...REQUEST_OPTIONS, ...CAPTURE });
const readRelease = object<ReleaseHold>({ ...REQUEST_OPTIONS, ...RELEASE });
const readList = object<PageOptions & { readonly openOnly?: boolean }>({ openOnly: optional(flag), ...PAGE });

const EXPIRED_IN_TURN = 500;

export function createHolds(context: LedgerContext, submit: Submit): Holds {
  return {
    async place(request) {
      const { options, leg } = splitOptions(withCurrency(readPlace(request, 'request')));
      return asPlaced(await submitLeg(context, submit, { ...leg, kind: 'hold' }, options));
    },
    async capture(id, given = {}) {
      const { options, leg } = splitOptions(readCapture(given, 'options'));
      return submitLeg(context, submit, { ...leg, kind: 'capture', hold: holdId(id, 'hold') }, options);
    },
    async release(id, given = {}) {
      const { options, leg } = splitOptions(readRelease(given, 'options'));
      return submitLeg(context, submit, { ...leg, kind: 'release', hold: holdId(id, 'hold') }, options);
    },
    async get(given) {
      const id = holdId(given, 'id');
      return context.read((store) => getHold(store, id));
    },
    async list(given, options = {}) {
      const { openOnly = false, limit: count = PAGE_LIMIT_DEFAULT, cursor } = readList(options, 'options');
      const place = decodeCursor(cursor, ['id']);
      const reference = checkReference(given);
      return context.read(async (store) => {
        const [account] = await findIdentities(store, [reference]);
        if (account === undefined) throw accountNotFound(reference);
        const list = ['holds', store.ledger, account.id, openOnly];
        const [before] = placeIn(list, place);
        const rows = await listHolds(store, { account: account.id, openOnly, before, limit: count + 1 });
        return toPage(rows, count, ({ id }) => encodeCursor(list, id));
      });
    },
    async expire() {
      const { count } = await expireAll(context, submit, (store) => findDueHolds(store, EXPIRED_IN_TURN));
      return count;
    },
  };
}

interface Expired {
  readonly count: number;
  /** The refusal of holds whose accounts are busy; they are left for the next sweep. */
  readonly hindrance?: LedgerError | undefined;
}

/** Writes the expiries of the holds that `findDue` finds, a few at a time, until it finds no more. */
async function expireAll(
  context: LedgerContext,
  submit: Submit,
  findDue: (store: LedgerStore) => Promise<readonly TransferId[]>,
): Promise<Expired> {
  const { ledger } = await context.store();
  for (let count = 0; ; ) {
    const due = await context.read(findDue);
    if (due.length === 0) return { count };
    const outcomes = await submit(due.map((hold) => expiryPosting(ledger, hold)));
    const fault = outcomes.find((outcome) => outcome instanceof Error && !(outcome instanceof LedgerError));
    if (fault !== undefined) throw fault;
    const refusals = outcomes.filter((outcome) => outcome instanceof LedgerError);
    const ended = outcomes.length - refusals.length;
    count += ended;
    if (due.length < EXPIRED_IN_TURN || ended === 0) {
      return { count, hindrance: refusals.find(({ retryable }) => retryable) };
    }
  }
}

/** Expires the due holds of one account; if some could not be expired now, returns the reason. */
export type ExpireOf = (reference: string) => Promise<LedgerError | undefined>;

export function createExpireOf(context: LedgerContext, submit: Submit): ExpireOf {
  return async (reference) => {
    const [account] = await context.read((store) => findIdentities(store, [reference]));
    if (account === undefined) return undefined;
    const findDue = (store: LedgerStore) => findDueHoldsOfAccount(store, account.id, EXPIRED_IN_TURN);
    const { hindrance } = await expireAll(context, submit, findDue);
    return hindrance;
  };
}

/** The hold as placed: a repeated request gets the first result, whatever has happened to the hold since. */
function asPlaced({
  id,
  from,
  to,
  currency,
  amount,
  expiresAt,
  reference,
  replayed,
}: PostedTransfer): Hold & { replayed: boolean } {
  return result({
    id,
    from,
    to,
    currency,
    amount,
    captured: 0n,
    remaining: amount,
    state: 'open',
    expiresAt,
    reference,
    replayed,
  });
}
