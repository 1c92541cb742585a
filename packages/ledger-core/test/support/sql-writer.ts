import type { AccountId } from '@micropay/ledger-core';
import type pg from 'pg';

/**
 * A writer in SQL that goes through the engine's steps as slowly as a test wants: locks both balances in order, draws
 * the position, waits, writes. The two accounts are assets, so a debit adds.
 */
export const SLOW_POST = `create function slow_post(debited uuid, credited uuid, wait_seconds float) returns bigint
language plpgsql as $$
declare
  drawn bigint;
  f micropay.balances;
  t micropay.balances;
begin
  perform 1 from micropay.balances where account_id in (debited, credited) order by account_id for no key update;
  drawn := nextval('micropay.event_position');
  perform pg_sleep(wait_seconds);
  update micropay.balances set version = version + 1, debits_posted = debits_posted + 1
    where account_id = debited returning * into f;
  update micropay.balances set version = version + 1, credits_posted = credits_posted + 1
    where account_id = credited returning * into t;
  insert into micropay.transfers (position, recorded_at, from_version, to_version, ledger, kind, id, from_account,
    to_account, currency, amount, from_posted, to_posted, metadata, wakes)
  values (drawn, clock_timestamp(), f.version, t.version, f.ledger, 'transfer', gen_random_uuid(), debited, credited,
    'USD', 1, f.debits_posted - f.credits_posted, t.debits_posted - t.credits_posted,
    jsonb_build_object('xid', pg_current_xact_id()::text), true);
  return drawn;
end $$`;

export interface SlowPost {
  readonly from: AccountId;
  readonly to: AccountId;
  readonly waitSeconds?: number;
}

export async function slowPost(client: pg.Client, { from, to, waitSeconds = 0 }: SlowPost): Promise<void> {
  await client.query('select slow_post($1, $2, $3)', [from, to, waitSeconds]);
}

/** Gives the transaction its id without any lock. */
export async function takeTransactionId(client: pg.Client): Promise<void> {
  await client.query('select pg_current_xact_id()');
}
