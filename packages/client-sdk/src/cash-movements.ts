import { type Api, bodyOf } from './api.js';
import { type PostOptions, startPosting, toJson } from './posting.js';
import { type PostedTransfer, type PostTransfer, posted } from './transfer.js';

/** Money that enters or leaves the ledger through a wallet. */
export interface CashMovement extends Omit<PostTransfer, 'from' | 'to'> {
  /** Id of the wallet. */
  readonly wallet: string;
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
