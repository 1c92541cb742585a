import { v7 as uuidv7 } from 'uuid';
import type { AccountId } from '../domain/accounts/account.js';
import type { LimitChange } from '../domain/decision/move.js';
import { result } from '../domain/json/result.js';
import type { LoweredMinimum, Transfer, TransferId } from '../domain/transfers/transfer.js';
import { plainArray } from './arrays.js';
import type { PreparedStatement, Row } from './balances.js';
import { probe } from './probe.js';
import type { Store } from './store.js';

/**
 * Lowers a minimum and writes its event, before the balances that need it are written: their row has a constraint on
 * it, and the event's position comes before those of the transfers.
 */
export function lowerMinimum({ schema }: Store): PreparedStatement {
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
  const { transferId, accountId, minimum, minimumBefore, maximum, audit } = change;
  const data = {
    minimum: String(minimum),
    maximum: maximum === null ? null : String(maximum),
    minimumBefore: String(minimumBefore),
    maximumBefore: maximum === null ? null : String(maximum),
    transferId,
    ...audit,
  };
  return [ledger, accountId, String(minimum), uuidv7(), JSON.stringify(data)];
}

/** Minimums lowered by reversals, by the reversal's id; only the event of the limits' change stores them. */
export async function findLoweredMinimums(
  execute: (statement: PreparedStatement, values: readonly unknown[]) => Promise<readonly Row[]>,
  { schema }: Store,
  {
    ledger,
    reversals,
  }: { readonly ledger: number; readonly reversals: readonly Pick<Transfer, 'id' | 'from' | 'to'>[] },
): Promise<ReadonlyMap<TransferId, readonly LoweredMinimum[]>> {
  const lowered = new Map<TransferId, readonly LoweredMinimum[]>();
  if (reversals.length === 0) return lowered;
  const isEventOf = `ledger = $1 and type = 'account.limits_changed.v1' and subject = given.account_id and data ->> 'transferId' = given.id::text`;
  const statement = {
    name: 'micropay_find_lowered_minimums',
    text: `select given.id, e.subject, e.data ->> 'minimumBefore' as minimum_before, e.data ->> 'minimum' as minimum
      from unnest($2::uuid[], $3::uuid[]) given(id, account_id) cross join ${probe(`${schema}.events`, isEventOf)} e`,
  };
  const rows = await execute(statement, [
    ledger,
    plainArray(reversals.flatMap(({ id }) => [id, id])),
    plainArray(reversals.flatMap(({ from, to }) => [from, to])),
  ]);
  for (const row of rows) {
    const id = row.id as TransferId;
    const accountId = row.subject as AccountId;
    const minimum = BigInt(row.minimum as string);
    const change = result({ accountId, minimumBefore: BigInt(row.minimum_before as string), minimum });
    lowered.set(id, [...(lowered.get(id) ?? []), change]);
  }
  return lowered;
}
