/**
 * Joins at most one row of a table for each row before it, by an index. Joined plainly, a ledger that the planner's
 * statistics do not know yet counts for a row or two, so that it may read all of the ledger for each row before it.
 */
export function probe(table: string, condition: string): string {
  return `lateral (select * from ${table} where ${condition} limit 1)`;
}
