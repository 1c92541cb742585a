import { type Api, bodyOf } from './api.js';
import { type PostOptions, startPosting, toJson } from './posting.js';
import { type Metadata, type PostedTransfer, posted } from './transfer.js';

/** Money that enters or leaves the ledger through a wallet. */
export interface CashMovement {
  /** Id of the wallet. */
  readonly wallet: string;
  /** Whole minor units, above zero. */
  readonly amount: bigint;
  readonly currency: string;
  /** Kept for ever: no personal data. */
  readonly description?: string;
  readonly metadata?: Metadata;
  /** When it counts, if not when it is recorded; may lie in the past. */
  readonly effectiveAt?: Date | string;
  /** Only judge it: the answer is the same, and nothing moves. */
  readonly dryRun?: boolean;
}

export interface CashMovements {
  /**
   * Operators only. Tries again where the outcome is unclear, under the same key.
   *
   * @throws {MicroPayError} `forbidden`, `account_not_found`, `insufficient_funds` and others
   */
  create(movement: CashMovement, options?: PostOptions): Promise<PostedTransfer>;
}

export function createCashMovements(api: Api, path: '/v1/deposits' | '/v1/withdrawals'): CashMovements {
  return {
    async create(movement, options) {
      const { header, fetch, idempotencyKey } = startPosting(api, options);
      const answer = api.routes.POST(path, { params: { header }, body: toJson(movement), fetch });
      return bodyOf(answer, posted, idempotencyKey);
    },
  };
}
