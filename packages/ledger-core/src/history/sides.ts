import { probe } from '../postgres/probe.js';

/** Joins to each row `t` of the journal its two sides, as `side`, with what each moves, and the account of each, as `a`. */
export function joinSides(schema: string): string {
  return `cross join lateral (values (t.from_account, t.amount, 0::numeric), (t.to_account, 0, t.amount))
      side(account_id, debit, credit)
    cross join ${probe(`${schema}.accounts`, 'ledger = t.ledger and id = side.account_id')} a`;
}
