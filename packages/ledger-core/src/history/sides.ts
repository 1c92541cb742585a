import { ofLedger } from '../postgres/of-ledger.js';
import { probe } from '../postgres/probe.js';

/**
 * Joins to each row `t` of the journal its two sides, as `side`, with what each moves, and the account of each, as `a`. `ledger`
 * is theirs: a parameter where the rows are of one.
 */
export function joinSides(schema: string, ledger: string): string {
  return `cross join lateral (values (t.from_account, t.amount, 0::numeric), (t.to_account, 0, t.amount))
      side(account_id, debit, credit)
    cross join ${probe(`${schema}.accounts`, `${ofLedger('', ledger)} and id = side.account_id`)} a`;
}
