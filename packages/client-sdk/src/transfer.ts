import type { components } from './generated/api.js';
import { isReplayed } from './posting.js';
import { result } from './result.js';

export type TransferJson = components['schemas']['Transfer'];

/** A JSON object of yours, at most 8 KiB. Kept for ever: no personal data. */
export type Metadata = Readonly<Record<string, unknown>>;

/** One immutable movement of money; amounts are whole minor units. */
export interface Transfer
  extends Readonly<Omit<TransferJson, 'amount' | 'released' | 'fromBalance' | 'toBalance' | 'loweredMinimums'>> {
  readonly amount: bigint;
  /** What a final capture gave back of its hold beside the amount. */
  readonly released: bigint;
  /** The balance of `from` right after it; null when that wallet is not yours. */
  readonly fromBalance: bigint | null;
  /** The balance of `to` right after it; null when that wallet is not yours. */
  readonly toBalance: bigint | null;
}

/** The answer to a call that moves money; `replayed` when an earlier call with its key had moved it. */
export interface PostedTransfer extends Transfer {
  readonly replayed: boolean;
  /** What `allowOverdraft` lowered with a reversal, of a dry run too; left out when it lowered nothing. */
  readonly loweredMinimums?: readonly LoweredMinimum[];
}

/** A minimum that a reversal lowered. It stays when the money is back: `accounts.setLimits` raises it again. */
export interface LoweredMinimum {
  readonly account: string;
  readonly minimumBefore: bigint;
  readonly minimum: bigint;
}

/** What is to move. */
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
  /** Kept for ever: no personal data. */
  readonly description?: string;
  readonly metadata?: Metadata;
  /** For operators: when it counts, if not when it is recorded; may lie in the past. */
  readonly effectiveAt?: Date | string;
  /** Only judge it: the answer is the same, and nothing moves. */
  readonly dryRun?: boolean;
}

/** A posted transfer out of an answer. */
export function posted(transfer: TransferJson, headers: Headers): PostedTransfer {
  return result({ ...parseTransfer(transfer), replayed: isReplayed(headers) });
}

export function parseTransfer({ loweredMinimums, ...transfer }: TransferJson): Transfer {
  const { amount, released, fromBalance, toBalance } = transfer;
  const lowered = loweredMinimums?.map(({ account, minimumBefore, minimum }) =>
    result({ account, minimumBefore: BigInt(minimumBefore), minimum: BigInt(minimum) }),
  );
  return result({
    ...transfer,
    ...(lowered === undefined ? {} : { loweredMinimums: lowered }),
    amount: BigInt(amount),
    released: BigInt(released),
    fromBalance: fromBalance === null ? null : BigInt(fromBalance),
    toBalance: toBalance === null ? null : BigInt(toBalance),
  });
}
