import { v7 as uuidv7 } from 'uuid';
import type { LimitChange } from '../domain/move.js';
import type { NamedStatement } from './balances.js';
import type { Store } from './store.js';

/**
 * Lowers a minimum and tells it, before the balances that need it are written: their row has a constraint on
 * it, and the event's position comes before those of the transfers.
 */
export function lowerMinimum({ schema }: Store): NamedStatement {
  return {
    name: 'micropay_lower_minimum',
    text: `with lowered as (
        update ${schema}.balances set minimum = $3::numeric where ledger = $1 and account_id = $2::uuid returning account_id
      )
      insert into ${schema}.events (recorded_at, ledger, id, type, subject, data)
      select clock_timestamp(), $1, $4::uuid, 'account.limits_changed.v1', a.id,
        jsonb_build_object('address', a.address) || $5::jsonb
      from lowered join ${schema}.accounts a on a.ledger = $1 and a.id = lowered.account_id`,
  };
}

export function lowerMinimumValues(ledger: number, change: LimitChange): readonly unknown[] {
  const { accountId, minimum, minimumBefore, maximum, audit } = change;
  const data = {
    minimum: String(minimum),
    maximum: maximum === null ? null : String(maximum),
    minimumBefore: String(minimumBefore),
    maximumBefore: maximum === null ? null : String(maximum),
    ...audit,
  };
  return [ledger, accountId, String(minimum), uuidv7(), JSON.stringify(data)];
}
