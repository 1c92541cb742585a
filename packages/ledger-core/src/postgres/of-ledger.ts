/**
 * Rows of one ledger, by plain equality: where the tables are divided by ledger, into partitions or over nodes, PostgreSQL then
 * asks for one part alone. `row` is the alias of the table, with its dot.
 *
 * The condition must not decide by which index rows are found. Of a ledger that is younger than its statistics PostgreSQL
 * believes that it has a row or two, and would read all of it by any index that begins with the ledger. So the indexes of `transfers`
 * and `holds` begin with an id, an account or a position, or they are partial, and only a statement that asks for a key,
 * a group, an original or `IN_LEDGER_ORDER` can use them.
 */
export function ofLedger(row = '', ledger = '$1'): string {
  return `${row}ledger = ${ledger}`;
}

/** True of every account, and the condition of the index of addresses. A statement that looks for addresses says it. */
export const BY_ADDRESS = `address <> ''`;

/** True of every account, and the condition of the index that has a ledger's accounts in the order of their ids. */
export const accountsInOrder = (row = '') => `length(${row}address) > 0`;

/**
 * True of every row of `transfers` and `holds`, and the condition of the indexes that have a whole ledger in some order. A statement
 * that reads a ledger in that order says it, and no other statement can be planned with them.
 */
export const IN_LEDGER_ORDER = 'amount > 0';

/** True of every domain event, and the condition of the index that has those of a ledger in order. */
export const EVENTS_IN_ORDER = 'length(type) > 0';
