import { LedgerError } from '../../errors.js';
import { invalidArgument, object, oneOf, optional, wholeNumber } from '../input/arguments.js';
import { ACCOUNT_TYPES, type AccountType, ADDRESS_LENGTH_MAX, isAddress } from './account.js';

export interface AggregateOptions {
  /** Include only this address and those below it; `users:4` does not include `users:42`. Default: the whole ledger. */
  readonly path?: string;
  /** The number of segments to group by. Default: one more than `path` has. */
  readonly depth?: number;
  readonly type?: AccountType;
}

/** Sums over the accounts of one currency and type below one path, in minor units. */
export interface AggregateLine {
  /** The first segments of the accounts' addresses; the whole address if it is shorter. */
  readonly path: string;
  readonly currency: string;
  readonly type: AccountType;
  readonly accounts: number;
  readonly debits: bigint;
  readonly credits: bigint;
  /** Positive on the normal side of `type`. */
  readonly posted: bigint;
  readonly pendingIn: bigint;
  readonly pendingOut: bigint;
}

export interface CheckedAggregate {
  readonly path: string | undefined;
  readonly depth: number;
  readonly type: AccountType | undefined;
}

const read = object<AggregateOptions>({
  depth: optional(wholeNumber(1, ADDRESS_LENGTH_MAX)),
  type: optional(oneOf(ACCOUNT_TYPES)),
  path: optional(wholeSegments),
});

/** @throws {LedgerError} `invalid_address` */
function wholeSegments(value: unknown): string {
  if (isAddress(value)) return value;
  throw new LedgerError('invalid_address', 'path must be whole segments of an address, such as users:42', {
    field: 'path',
  });
}

/** @throws {LedgerError} `invalid_request`, `invalid_address` */
export function checkAggregate(options: AggregateOptions): CheckedAggregate {
  const { path, depth, type } = read(options, 'options');
  const depthChosen = depth ?? (path === undefined ? 1 : path.split(':').length + 1);
  if (depthChosen > ADDRESS_LENGTH_MAX) {
    throw invalidArgument('depth', `must be a whole number from 1 to ${ADDRESS_LENGTH_MAX}`);
  }
  return { path, depth: depthChosen, type };
}
