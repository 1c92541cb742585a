import type { CallOptions } from './transport.js';

/** One page of rows. */
export interface Page<Row> {
  readonly data: readonly Row[];
  /** What continues after this page; null on the last. */
  readonly nextCursor: string | null;
}

export interface PageOptions extends CallOptions {
  /** Rows on a page, 1 to 200; 50 when left out. */
  readonly limit?: number;
  /** `nextCursor` of the page before. */
  readonly cursor?: string;
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
