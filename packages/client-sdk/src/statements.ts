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

export interface StatementFile extends StatementPeriod {
  /** Default `csv`, for spreadsheets. `pdf` is for people, `camt053` (ISO 20022) for other banking software. */
  readonly format?: keyof typeof MEDIA_TYPES;
  /** The language and the formats of a PDF, such as `de-AT`; default `en`. */
  readonly locale?: string;
}

const MEDIA_TYPES = { csv: 'text/csv', pdf: 'application/pdf', camt053: 'application/xml' } as const;

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
   * Returns a whole statement as a file, with decimal amounts. All of it must arrive within `timeoutMs`.
   *
   * @throws {MicroPayError} as `get`; `format_unsuitable` for a PDF of more than 2,000 entries, and where camt.053 has no room for
   *   the amounts or the currency
   */
  file(period: StatementFile & CallOptions): Promise<Blob>;
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
    async file({ signal, ...query }) {
      const fetch = send({ signal, repeatable: true, mediaType: MEDIA_TYPES[query.format ?? 'csv'] });
      return bodyOf<unknown, Blob>(routes.GET('/v1/statements/file', { params: { query }, fetch, parseAs: 'blob' }));
    },
  };
}
