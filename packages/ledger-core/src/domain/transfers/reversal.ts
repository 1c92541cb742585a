import { oneOf, readable } from '../input/arguments.js';
import type { Audit } from '../input/audit.js';
import { type RequestOptions, TRANSFER_KINDS, type Transfer, type TransferKind, type TransferLeg } from './transfer.js';

/**
 * A transfer the other way, linked to the one that it takes back. It is effective at `effectiveAt`, not before that one.
 * Default: when it is recorded, or with that one where it is effective later.
 */
export interface ReverseTransfer extends RequestOptions, ReversalText {}

interface ReversalText extends Pick<TransferLeg, 'id' | 'description' | 'metadata' | 'reference' | 'effectiveAt'> {
  /** At most what earlier reversals left of the original; all of that when left out. */
  readonly amount?: bigint;
  /**
   * For operators: when the money is no longer there, lower the account's minimum to the balance that results,
   * with an event that says who and why. **The minimum stays lowered**: once the money is back, its owner may overdraw the
   * account again, until `accounts.setLimits` raises it. A dry run shows it in `loweredMinimums`. Left out, the reversal is
   * refused.
   */
  readonly allowOverdraft?: Audit;
}

export interface ReversalLeg extends ReversalText {
  readonly kind: 'reversal';
  /** Id of the transfer or capture to reverse. */
  readonly transfer: string;
}

/** A transfer under the locks of its accounts, and how much of it is taken back. */
export interface Original {
  readonly transfer: Transfer;
  reversed: bigint;
}

const kindOf = readable((transfer, name) =>
  oneOf(TRANSFER_KINDS)((transfer as Partial<Transfer> | null | undefined)?.kind, name),
);

const REVERSIBLE: ReadonlySet<TransferKind> = new Set<TransferKind>(['transfer', 'capture']);

/**
 * Only what moved posted money and is no reversal itself can be taken back.
 *
 * @throws {LedgerError} `invalid_request` for what has no kind of transfer
 */
export function isReversible(transfer: { readonly kind: TransferKind }): boolean {
  return REVERSIBLE.has(kindOf(transfer, 'transfer.kind'));
}

/** The immutable part of a hold or transfer, which can be read before its accounts are locked. */
export interface ContinuedTransfer extends Pick<Transfer, 'id' | 'from' | 'to'> {
  /** Null for a hold that expires, where it is not needed. */
  readonly effectiveAt: Date | null;
}
