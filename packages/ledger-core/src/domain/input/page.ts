/** One page of a list, and the cursor of the next page if there is one. */
export interface Page<Row> {
  readonly data: readonly Row[];
  /** Opaque; null on the last page. */
  readonly nextCursor: string | null;
}

export interface PageOptions {
  /** 1 to 1,000; default 50. */
  readonly limit?: number;
  /** The `nextCursor` of the previous page. */
  readonly cursor?: string;
}

/** Queries read one row more than asked for; it only shows that there is a next page. */
export function toPage<Row>(rows: readonly Row[], count: number, cursorAfter: (row: Row) => string): Page<Row> {
  const data = rows.slice(0, count);
  const last = data.at(-1);
  const hasMore = rows.length > count && last !== undefined;
  return { data, nextCursor: hasMore ? cursorAfter(last) : null };
}
