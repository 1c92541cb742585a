import { LedgerError } from '../errors.js';
import { checkAudit } from './audit.js';
import type { CaptureLeg, HoldLeg, ReleaseLeg } from './hold.js';
import type { ReversalLeg } from './reversal.js';
import {
  checkAmount,
  checkInstant,
  checkSaying,
  checkTransferRequest,
  copyRequest,
  isTransferId,
  type RequestOptions,
  type TransferId,
  type TransferLeg,
} from './transfer.js';

/** One leg of a linked group; a leg without a kind is a transfer. */
export type LinkedLeg =
  | (TransferLeg & { readonly kind?: 'transfer' })
  | HoldLeg
  | CaptureLeg
  | ReleaseLeg
  | ReversalLeg;

/** Ends a hold whose time is over; nobody asks for it but the ledger itself. */
export interface ExpiryLeg {
  readonly kind: 'expiry';
  readonly hold: TransferId;
  readonly id?: undefined;
}

export type Leg = LinkedLeg | ExpiryLeg;

/**
 * Whether a leg names its two accounts itself; the others are about those of the hold or transfer that they continue.
 * Its kind says so, whatever else its caller has put on it.
 */
export function namesAccounts(leg: Leg): leg is Extract<Leg, { from: string }> {
  return leg.kind === undefined || leg.kind === 'transfer' || leg.kind === 'hold';
}

/** The hold or the transfer that a leg continues; undefined for one that stands alone. */
export function originOf(leg: Leg): TransferId | undefined {
  if (namesAccounts(leg)) return undefined;
  return (leg.kind === 'reversal' ? leg.transfer : leg.hold) as TransferId;
}

/** The two accounts that a leg names itself. */
export function accountsNamedBy(leg: Leg): readonly string[] {
  return namesAccounts(leg) ? [leg.from, leg.to] : [];
}

/**
 * The cheap checks of one leg. Answers a copy.
 *
 * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency`
 */
export function checkLeg(given: LinkedLeg): LinkedLeg {
  const { kind } = copyRequest(given);
  switch (kind) {
    case undefined:
    case 'transfer':
      return checkTransferRequest(given as TransferLeg);
    case 'hold':
      return checkHold(given as HoldLeg);
    case 'capture':
      return checkCapture(given as CaptureLeg);
    case 'release':
      return checkRelease(given as ReleaseLeg);
    case 'reversal':
      return checkReversal(given as ReversalLeg);
    default:
      throw new LedgerError('invalid_request', 'kind must be transfer, hold, capture, release or reversal');
  }
}

function checkHold(given: HoldLeg): HoldLeg {
  if ('effectiveAt' in given)
    throw new LedgerError('invalid_request', 'a hold moves nothing, so it has no effectiveAt');
  const leg = checkTransferRequest(given);
  return leg.expiresAt === undefined ? leg : { ...leg, expiresAt: checkInstant(leg.expiresAt, 'expiresAt') };
}

function checkCapture(given: CaptureLeg): CaptureLeg {
  const leg = copyRequest(given);
  checkOrigin(leg.hold, 'hold_not_found', 'hold');
  if (leg.final !== undefined && typeof leg.final !== 'boolean') {
    throw new LedgerError('invalid_request', 'final must be true or false');
  }
  checkSaying(leg);
  if (leg.amount !== undefined) checkAmount(leg.amount);
  return leg;
}

function checkRelease(given: ReleaseLeg): ReleaseLeg {
  const leg = copyRequest(given);
  checkOrigin(leg.hold, 'hold_not_found', 'hold');
  if ('effectiveAt' in leg)
    throw new LedgerError('invalid_request', 'a release moves nothing, so it has no effectiveAt');
  checkSaying(leg);
  return leg;
}

function checkReversal(given: ReversalLeg): ReversalLeg {
  const leg = copyRequest(given);
  checkOrigin(leg.transfer, 'transfer_not_found', 'transfer');
  checkSaying(leg);
  if (leg.amount !== undefined) checkAmount(leg.amount);
  if (leg.allowOverdraft !== undefined) leg.allowOverdraft = checkAudit(leg.allowOverdraft);
  return leg;
}

function checkOrigin(id: unknown, code: 'hold_not_found' | 'transfer_not_found', what: string): void {
  if (typeof id !== 'string') throw new LedgerError('invalid_request', `${what} must be the id of a ${what}`);
  if (!isTransferId(id)) throw new LedgerError(code, `a ${what}'s id is a UUID in lower case`);
}

/** What is the request's and not a leg's. */
export const OPTION_NAMES = ['idempotencyKey', 'scope', 'dryRun'] as const satisfies readonly (keyof RequestOptions)[];
