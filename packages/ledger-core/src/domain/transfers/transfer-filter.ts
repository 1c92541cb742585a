import { isAddress } from '../accounts/account.js';
import { type Check, invalidArgument, list, type Members, oneOf, optional, text, valid } from '../input/arguments.js';
import { type CheckedMoment, type Moment, moment } from '../input/instant.js';
import { DESCRIPTION_LENGTH_MAX } from '../input/metadata.js';
import { reference } from '../input/reference.js';
import { isCurrencyCode } from '../money/currency.js';
import {
  accountReference,
  amount,
  givenId,
  idempotencyKey,
  REQUEST_OPTIONS,
  TRANSFER_KINDS,
  type TransferKind,
} from './transfer.js';

/** Which transfers a list has: those to which everything applies that is said here. */
export interface TransferFilter {
  /** Id or address of an account that is debited or credited. */
  readonly account?: string;
  /** The path that the address of one of both accounts begins with: `users:42` for `users:42:usd`. At most 100 accounts. */
  readonly accountPath?: string;
  /** Id or address of the account on the other side of `account` or `accountPath`. */
  readonly counterparty?: string;
  readonly kinds?: readonly TransferKind[];
  readonly currency?: string;
  /** In minor units, included. */
  readonly amountMin?: bigint;
  readonly amountMax?: bigint;
  /** The first instant included; a day begins in the ledger's time zone. */
  readonly recordedFrom?: Moment;
  /** The first instant that is not included any more. */
  readonly recordedTo?: Moment;
  readonly effectiveFrom?: Moment;
  readonly effectiveTo?: Moment;
  /** The legs of a linked group. */
  readonly groupId?: string;
  readonly reference?: string;
  /** The key under which it was posted, and its scope; a linked group has its key on its first leg. */
  readonly idempotencyKey?: string;
  readonly scope?: string;
  /** Words that the description has, in any order; upper and lower case are the same. */
  readonly words?: string;
  /** Members of the metadata with their values: texts, numbers and booleans. */
  readonly metadata?: { readonly [member: string]: string | number | boolean };
}

export type ListOrder = 'newest' | 'oldest';

type Instants = 'recordedFrom' | 'recordedTo' | 'effectiveFrom' | 'effectiveTo';

export type CheckedTransferFilter = Omit<TransferFilter, Instants> & {
  readonly [Name in Instants]?: CheckedMoment;
};

const MEMBERS_MAX = 10;
const WORDS_MAX = 10;

const path = valid<string>(
  isAddress,
  'must be the beginning of an address, such as users:42, without a ":" at its end',
);

const kinds: Check<readonly TransferKind[]> = (value, name) => {
  const given = list(oneOf(TRANSFER_KINDS))(value, name);
  if (given.length === 0) throw invalidArgument(name, 'must name a kind, or be left out for all');
  return given;
};

const words: Check<string> = (value, name) => {
  const given = text(1, DESCRIPTION_LENGTH_MAX)(value, name);
  const { length } = wordsOf(given);
  if (length === 0 || length > WORDS_MAX) throw invalidArgument(name, `must be 1 to ${WORDS_MAX} words`);
  return given;
};

export function wordsOf(given: string): readonly string[] {
  return given.split(/\s+/u).filter((word) => word !== '');
}

const members: Check<NonNullable<TransferFilter['metadata']>> = (value, name) => {
  const rule = `must be an object of 1 to ${MEMBERS_MAX} members, each a text, a number or a boolean`;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalidArgument(name, rule);
  let copy: Record<string, unknown>;
  try {
    copy = { ...value };
  } catch (cause) {
    throw invalidArgument(name, 'cannot be read', cause);
  }
  const given = Object.entries(copy);
  if (given.length === 0 || given.length > MEMBERS_MAX) throw invalidArgument(name, rule);
  for (const [member, wanted] of given) {
    const isScalar = typeof wanted === 'boolean' || (typeof wanted === 'number' && Number.isFinite(wanted));
    if (!isScalar) text(0, TEXT_LENGTH_MAX)(wanted, `${name}.${member}`);
    text(0, TEXT_LENGTH_MAX)(member, name);
  }
  return copy as NonNullable<TransferFilter['metadata']>;
};

const TEXT_LENGTH_MAX = 500;

const currency = valid<string>(
  (value) => typeof value === 'string' && isCurrencyCode(value),
  'must be a currency code such as USD',
);

export const TRANSFER_FILTER: Members<CheckedTransferFilter> = {
  account: optional(accountReference),
  accountPath: optional(path),
  counterparty: optional(accountReference),
  kinds: optional(kinds),
  currency: optional(currency),
  amountMin: optional(amount),
  amountMax: optional(amount),
  recordedFrom: optional(moment),
  recordedTo: optional(moment),
  effectiveFrom: optional(moment),
  effectiveTo: optional(moment),
  groupId: optional(givenId),
  reference: optional(reference),
  idempotencyKey: optional(idempotencyKey),
  scope: optional(REQUEST_OPTIONS.scope as Check<string>),
  words: optional(words),
  metadata: optional(members),
};

export const listOrder = oneOf<ListOrder>(['newest', 'oldest']);

/**
 * Refuses fields that need another one, or contradict each other.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function checkTogether(filter: CheckedTransferFilter): void {
  const { account, accountPath, counterparty, scope, amountMin, amountMax } = filter;
  if (counterparty !== undefined && account === undefined && accountPath === undefined) {
    throw invalidArgument('counterparty', 'needs account or accountPath, whose other side it is');
  }
  if (scope !== undefined && filter.idempotencyKey === undefined) {
    throw invalidArgument('scope', 'needs the idempotencyKey that it is the scope of');
  }
  if (amountMin !== undefined && amountMax !== undefined && amountMin > amountMax) {
    throw invalidArgument('amountMax', 'must not be below amountMin');
  }
}
