import type { Page } from './ledger-api.js';

/** Queries read one row more than asked for; it only shows that there is a next page. */
export function toPage<Row>(rows: readonly Row[], count: number, cursorAfter: (row: Row) => string): Page<Row> {
  const data = rows.slice(0, count);
  const last = data.at(-1);
  const hasMore = rows.length > count && last !== undefined;
  return { data, nextCursor: hasMore ? cursorAfter(last) : null };
}
