import type { Api } from './api.js';
import { type PostOptions, postOnce, toJson } from './posting.js';
import { type PostedTransfer, type PostTransfer, posted } from './transfer.js';

/** A deposit or a withdrawal. */
export interface CashMovement extends Omit<PostTransfer, 'from' | 'to'> {
  /** Id of the wallet. */
  readonly wallet: string;
}

export interface CashMovements {
  /**
   * Operators only. If the outcome is unclear, the client retries with the same key.
   *
   * @throws {MicroPayError} `forbidden`, `account_not_found`, `insufficient_funds` and others
   */
  create(movement: CashMovement, options?: PostOptions): Promise<PostedTransfer>;
}

export function createCashMovements(api: Api, path: '/v1/deposits' | '/v1/withdrawals'): CashMovements {
  return {
    create: async (movement, options) =>
      postOnce(
        api,
        options,
        ({ header, fetch }) => api.routes.POST(path, { params: { header }, body: toJson(movement), fetch }),
        posted,
      ),
  };
}
