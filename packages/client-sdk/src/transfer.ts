import type { components } from './generated/api.js';
import { isReplayed } from './posting.js';
import { result, withAmounts } from './result.js';

export type TransferJson = components['schemas']['Transfer'];

/** Your own JSON object, at most 8 KiB. Stored permanently: no personal data. */
export type Metadata = Readonly<Record<string, unknown>>;

/** One immutable movement of money; amounts are whole minor units. */
export interface Transfer
  extends Readonly<Omit<TransferJson, 'amount' | 'released' | 'fromBalance' | 'toBalance' | 'loweredMinimums'>> {
  readonly amount: bigint;
  /** The rest of the hold that a final capture released. */
  readonly released: bigint;
  /** The balance of `from` right after the transfer; null if that wallet is not yours. */
  readonly fromBalance: bigint | null;
  /** The balance of `to` right after the transfer; null if that wallet is not yours. */
  readonly toBalance: bigint | null;
}

/** The result of a call that moves money; `replayed` is true if an earlier call with the same key moved it. */
export interface PostedTransfer extends Transfer {
  readonly replayed: boolean;
  /** The minimums that a reversal with `allowOverdraft` lowered, or would lower in a dry run; left out if there are none. */
  readonly loweredMinimums?: readonly LoweredMinimum[];
}

/** A minimum that a reversal lowered. It stays lowered until `accounts.setLimits` raises it. */
export interface LoweredMinimum {
  readonly account: string;
  readonly minimumBefore: bigint;
  readonly minimum: bigint;
}

/** A payment to make. */
export interface PostTransfer {
  /** Id of one of the user's wallets; for operators the id or address of any account. */
  readonly from: string;
  /**
   * Id of a wallet, or another user's email: their wallet named as the currency receives the money. For operators also
   * the id or address of any account.
   */
  readonly to: string;
  /** Whole minor units, above zero: `1250n` is 12.50 USD. */
  readonly amount: bigint;
  readonly currency: string;
  /** Stored permanently: no personal data. */
  readonly description?: string;
  readonly metadata?: Metadata;
  /** Your own name of it, to find it by: 1 to 255 characters. Both parties see it; stored permanently: no personal data. */
  readonly reference?: string;
  /** For operators: the time from which the transfer counts; may be in the past. Default: the time at which it is recorded. */
  readonly effectiveAt?: Date | string;
  /** Only check the request: the result is the same, but nothing is changed. */
  readonly dryRun?: boolean;
}

/** The posted transfer from a response. */
export function posted(transfer: TransferJson, headers: Headers): PostedTransfer {
  return result({ ...parseTransfer(transfer), replayed: isReplayed(headers) });
}

export function parseTransfer({ loweredMinimums, ...transfer }: TransferJson): Transfer {
  const lowered = loweredMinimums?.map((one) => withAmounts(one, 'minimumBefore', 'minimum'));
  const json = { ...transfer, ...(lowered === undefined ? {} : { loweredMinimums: lowered }) };
  return withAmounts(json, 'amount', 'released', 'fromBalance', 'toBalance');
}
