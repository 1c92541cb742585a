import type { CallOptions } from './transport.js';

/** One page of rows. */
export interface Page<Row> {
  readonly data: readonly Row[];
  /** The cursor of the next page; null on the last page. */
  readonly nextCursor: string | null;
}

export interface PageOptions extends CallOptions {
  /** Items on a page, 1 to 200; default 50. */
  readonly limit?: number;
  /** The `nextCursor` of the previous page. */
  readonly cursor?: string;
}

/** Reads a page as it came, row by row. */
export function pageOf<Json, Row>(read: (json: Json) => Row) {
  return <Given extends Omit<Page<Json>, never>>(
    page: Given,
  ): Omit<Given, 'data'> & { readonly data: readonly Row[] } => ({
    ...page,
    data: page.data.map((json) => read(json)),
  });
}

/** Every row of every page, one request at a time and none before its rows are asked for. */
export async function* rowsOfPages<Row>(
  fetchPage: (options: PageOptions) => Promise<Page<Row>>,
  options: PageOptions,
): AsyncGenerator<Row, void, undefined> {
  let page = await fetchPage(options);
  yield* page.data;
  while (page.nextCursor !== null) {
    page = await fetchPage({ ...options, cursor: page.nextCursor });
    yield* page.data;
  }
}
