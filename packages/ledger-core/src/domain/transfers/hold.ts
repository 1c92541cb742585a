import type { AccountId } from '../accounts/account.js';
import type { PostTransfer, RequestOptions, TransferId, TransferLeg } from './transfer.js';

/** `captured`, `released` and `expired` are final. The state is that of the last movement, which ended the hold. */
export const HOLD_STATES = ['open', 'captured', 'released', 'expired'] as const;
export type HoldState = (typeof HOLD_STATES)[number];

/** Money set aside for a payee: pending on both accounts until it is captured, released or expires. */
export interface Hold {
  /** The id of the transfer of kind `hold` that placed it. */
  readonly id: TransferId;
  readonly from: AccountId;
  readonly to: AccountId;
  readonly currency: string;
  /** The amount held at first. */
  readonly amount: bigint;
  /** The amount captured so far. */
  readonly captured: bigint;
  /** The amount still held; 0 once the hold is no longer open. */
  readonly remaining: bigint;
  readonly state: HoldState;
  /** Null for never. From this instant on the hold counts as expired, even if its expiry has not been recorded yet. */
  readonly expiresAt: Date | null;
  /** The caller's own name of it; null if it has none. */
  readonly reference: string | null;
}

/** Reserves an amount of `from` for `to`. */
export interface PlaceHold extends Omit<PostTransfer, 'effectiveAt'> {
  /** The time at which the hold expires; default: never. */
  readonly expiresAt?: Date;
}

/** Captures a hold, in full or in part; effective when recorded or at `effectiveAt`, not before the hold was placed. */
export interface CaptureHold extends RequestOptions, CaptureText {}

/** Releases what is still held. */
export interface ReleaseHold extends RequestOptions, Omit<CaptureText, 'amount' | 'final' | 'effectiveAt'> {}

interface CaptureText extends Pick<TransferLeg, 'id' | 'description' | 'metadata' | 'reference' | 'effectiveAt'> {
  /** At most what is still held; default: all of it. */
  readonly amount?: bigint;
  /** Release the rest of the hold; default false. */
  readonly final?: boolean;
}

export interface HoldLeg extends Omit<TransferLeg, 'effectiveAt'> {
  readonly kind: 'hold';
  readonly expiresAt?: Date;
}

export interface CaptureLeg extends CaptureText {
  readonly kind: 'capture';
  /** Id of the hold. */
  readonly hold: string;
}

export interface ReleaseLeg extends Omit<ReleaseHold, keyof RequestOptions> {
  readonly kind: 'release';
  readonly hold: string;
}

/** A hold under the locks of its accounts, and what a batch makes of it. */
export interface HeldAmount {
  readonly id: TransferId;
  readonly currency: string;
  readonly amount: bigint;
  /** Milliseconds since 1970; null for never. */
  readonly expiresAtMs: number | null;
  readonly reference: string | null;
  readonly from: AccountId;
  readonly to: AccountId;
  captured: bigint;
  remaining: bigint;
  state: HoldState;
  changed: boolean;
}

export function isDue({ expiresAtMs }: HeldAmount, nowMs: number): boolean {
  return expiresAtMs !== null && expiresAtMs <= nowMs;
}
