import type { UserId } from '../identity/user-id.js';

/** What users are notified of their money. */
const MONEY_TYPES = ['money_in', 'money_out', 'hold_placed', 'hold_ended', 'refund', 'low_balance'] as const;
export type MoneyType = (typeof MONEY_TYPES)[number];

/** What users are notified of. */
export const NOTIFICATION_TYPES = [...MONEY_TYPES, 'new_device'] as const;
export type NotificationType = (typeof NOTIFICATION_TYPES)[number];

/** What is stored of a notification about money. It has nothing of the other party, and no text that somebody else wrote. */
export interface NotificationData {
  /** The transfer; of a hold that was placed, the hold. */
  readonly transfer: string;
  /** Left out where no hold is concerned. */
  readonly hold?: string;
  readonly wallet: string;
  readonly walletName: string;
  /** In minor units; of `low_balance` the settled balance. */
  readonly amount: string;
  readonly currency: string;
  /** Whether the money comes or goes, seen from the user's wallet. */
  readonly direction: 'in' | 'out';
  /** How a hold ended. */
  readonly end?: 'released' | 'expired';
  /** Of `low_balance`: what the balance fell below. */
  readonly threshold?: string;
}

/** What is stored of a sign-in from a device and a network that were not seen together before. */
export interface SignInData {
  /** What the program said of itself, such as `Firefox on Linux`; empty if it said nothing. */
  readonly device: string;
  /** An IPv4 address, or the first half of an IPv6 address. */
  readonly network: string;
}

/** A notification as it is stored. */
export type StoredNotice =
  | { readonly type: MoneyType; readonly data: NotificationData }
  | { readonly type: 'new_device'; readonly data: SignInData };

/** What an event says to one user. */
export interface Notice {
  readonly userId: UserId;
  readonly type: MoneyType;
  readonly data: NotificationData;
  /** Of `low_balance`, which is told if the user's threshold lies between this and the amount. */
  readonly balanceBefore?: bigint;
}
