import { type Api, bodyOf } from './api.js';
import type { components } from './generated/api.js';
import type { PageOptions } from './paging.js';
import { result } from './result.js';
import type { CallOptions } from './transport.js';
import { type Entry, parseEntry } from './wallets.js';

type StatementJson = components['schemas']['Statement'];

/** Half-open: March is from `2026-03-01` to `2026-04-01`. Days are those of the ledger's time zone. */
export interface StatementPeriod {
  /** The id of a wallet or, for operators, the id or address of any account. */
  readonly account: string;
  /** An instant or a day. */
  readonly from: string;
  readonly to: string;
  readonly by?: 'recorded' | 'effective';
}

/** A page of a statement, oldest entries first. `opening` and `closing` belong to the whole period. */
export interface Statement extends Readonly<Omit<StatementJson, 'opening' | 'closing' | 'data'>> {
  readonly opening: bigint;
  readonly closing: bigint;
  /** Each balance is the running balance of this statement. */
  readonly data: readonly Entry[];
}

export interface Statements {
  /**
   * Returns a page of a statement; pass `cursor` for the next page.
   *
   * @throws {MicroPayError} `account_not_found`, `invalid_request`, `invalid_cursor`
   */
  get(period: StatementPeriod & PageOptions): Promise<Statement>;
  /**
   * Returns a whole statement as CSV, with decimal amounts. The whole file must arrive within `timeoutMs`.
   *
   * @throws {MicroPayError} as `get`
   */
  csv(period: StatementPeriod & CallOptions): Promise<string>;
}

export function createStatements({ routes, send }: Api): Statements {
  return {
    async get({ signal, ...query }) {
      const fetch = send({ signal, repeatable: true });
      return bodyOf(routes.GET('/v1/statements', { params: { query }, fetch }), (body) => {
        const statement = body as StatementJson;
        const { opening, closing, data } = statement;
        return result({ ...statement, opening: BigInt(opening), closing: BigInt(closing), data: data.map(parseEntry) });
      });
    },
    async csv({ signal, ...query }) {
      const fetch = send({ signal, repeatable: true, mediaType: 'text/csv' });
      return bodyOf(routes.GET('/v1/statements/csv', { params: { query }, fetch, parseAs: 'text' }));
    },
  };
}
