import type { UserId } from '../identity/user-id.js';

/** A payout is `processing` from when it is taken up: its user can no longer cancel it. */
export const PAYOUT_STATES = ['requested', 'processing', 'paid', 'failed', 'cancelled'] as const;
export type PayoutState = (typeof PAYOUT_STATES)[number];

/** Where a payout goes: names and texts, which mean something to whoever makes the payout. */
export type Destination = Readonly<Record<string, string>>;

/** A withdrawal that a user asked for. Its id is that of the hold, which has the money. */
export interface Payout {
  readonly id: string;
  readonly userId: UserId;
  readonly wallet: string;
  /** In minor units. */
  readonly amount: string;
  readonly currency: string;
  /** Null once its user has closed the account. */
  readonly destination: Destination | null;
  readonly state: PayoutState;
  readonly reference: string | null;
  readonly reason: string | null;
  /** The capture or the release that ended it. */
  readonly transfer: string | null;
  readonly createdAt: Date;
  readonly takenAt: Date | null;
  readonly finishedAt: Date | null;
}

/** What a payout became, and whether an earlier request with the same key had done it. */
export interface PayoutResult {
  readonly payout: Payout;
  readonly replayed: boolean;
}
