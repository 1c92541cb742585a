import { flag, invalidArgument, type Members, nested, object, oneOf, optional } from '../input/arguments.js';
import { AUDIT } from '../input/audit.js';
import { instant } from '../input/instant.js';
import type { CaptureHold, CaptureLeg, HoldLeg, PlaceHold, ReleaseHold, ReleaseLeg } from './hold.js';
import type { ReversalLeg, ReverseTransfer } from './reversal.js';
import {
  amount,
  holdId,
  LEG_TEXTS,
  MOVEMENT,
  type RequestOptions,
  TRANSFER_LEG,
  type TransferId,
  type TransferLeg,
  transferId,
  withCurrency,
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
export function continuedTransferOf(leg: Leg): TransferId | undefined {
  if (namesAccounts(leg)) return undefined;
  return (leg.kind === 'reversal' ? leg.transfer : leg.hold) as TransferId;
}

/** The members of a leg by its kind, and of the calls that post one leg of that kind. */
export const CAPTURE: Members<Omit<CaptureHold, keyof RequestOptions>> = {
  ...LEG_TEXTS,
  effectiveAt: optional(instant),
  final: optional(flag),
  amount: optional(amount),
};
export const RELEASE: Members<Omit<ReleaseHold, keyof RequestOptions>> = LEG_TEXTS;
export const REVERSAL: Members<Omit<ReverseTransfer, keyof RequestOptions>> = {
  ...LEG_TEXTS,
  effectiveAt: optional(instant),
  allowOverdraft: optional(nested(AUDIT)),
  amount: optional(amount),
};
/** A hold moves no money yet, so it has no effective time. */
export const HOLD: Members<Omit<PlaceHold, keyof RequestOptions>> = {
  ...LEG_TEXTS,
  expiresAt: optional(instant),
  ...MOVEMENT,
};

function kind<Kind extends string>(only: Kind) {
  return { kind: oneOf([only]) };
}

const readTransfer = object<TransferLeg & { readonly kind?: 'transfer' }>({
  kind: optional(oneOf(['transfer'])),
  ...TRANSFER_LEG,
});
const readHold = object<HoldLeg>({ ...kind('hold'), ...HOLD });
const readCapture = object<CaptureLeg>({ ...kind('capture'), hold: holdId, ...CAPTURE });
const readRelease = object<ReleaseLeg>({ ...kind('release'), hold: holdId, ...RELEASE });
const readReversal = object<ReversalLeg>({ ...kind('reversal'), transfer: transferId, ...REVERSAL });

/**
 * The cheap checks of one leg of a linked group. Answers a copy.
 *
 * @throws {LedgerError} `invalid_request`, `invalid_amount`, `unknown_currency`
 */
export function checkLeg(given: LinkedLeg, name: string): LinkedLeg {
  switch (kindOf(given, name)) {
    case undefined:
    case 'transfer':
      return withCurrency(readTransfer(given, name));
    case 'hold':
      return withCurrency(readHold(given, name));
    case 'capture':
      return readCapture(given, name);
    case 'release':
      return readRelease(given, name);
    case 'reversal':
      return readReversal(given, name);
    default:
      throw invalidArgument('kind', 'must be one of transfer, hold, capture, release, reversal');
  }
}

/** Only to choose how the leg is read, which reads it again. */
function kindOf(given: LinkedLeg, name: string): unknown {
  try {
    return (given as { readonly kind?: unknown } | null | undefined)?.kind;
  } catch (cause) {
    throw invalidArgument(name, 'cannot be read', cause);
  }
}
