import type { Ledger } from '@micropay/ledger-core';
import type { TestBed } from './test-bed.js';

/** Transfers are recorded one a second from here. */
export const RECORDED_FROM = Date.parse('2020-01-01T00:00:00Z');

/**
 * Writes a long history of `hot` by SQL, as the engine would: 3 in from `world`, 1 out, and so on. Effective times
 * are SQL of the number `n` of a transfer; null where it counts when it is recorded.
 */
export async function fillAccount(bed: TestBed, ledger: Ledger, transfers: number, effectiveAt: string): Promise<void> {
  const world = await ledger.accounts.open({ address: 'world', currency: 'USD' });
  const hot = await ledger.accounts.open({ address: 'hot', currency: 'USD', minimum: null });
  const isIn = 'n % 2 = 1';
  const posted = `n + case when ${isIn} then 2 else 0 end`;
  await bed.sql(
    `insert into micropay.transfers (recorded_at, effective_at, from_version, to_version, ledger, kind, id, from_account,
       to_account, currency, amount, from_posted, to_posted, idempotency_hash)
     select to_timestamp(${RECORDED_FROM / 1000} + n), ${effectiveAt}, n, n, (select id from micropay.ledgers where name = $1),
       'transfer', gen_random_uuid(), case when ${isIn} then $2::uuid else $3 end,
       case when ${isIn} then $3::uuid else $2 end, 'USD', case when ${isIn} then 3 else 1 end, ${posted}, ${posted},
       gen_random_uuid()
     from generate_series(1, $4::integer) n order by n`,
    [ledger.name, world.id, hot.id, transfers],
  );
  await useUpKeys(bed);
  await bed.sql(
    `update micropay.balances set version = $2, debits_posted = case when account_id = $1 then $3::numeric else $4 end,
       credits_posted = case when account_id = $1 then $4::numeric else $3 end
     where account_id in ($1, $5)`,
    [world.id, transfers, Math.ceil(transfers / 2) * 3, Math.floor(transfers / 2), hot.id],
  );
}

/** Writes the keys of journal rows that were written by SQL. */
export async function useUpKeys(bed: TestBed): Promise<void> {
  await bed.sql(
    `insert into micropay.transfer_keys (position, ledger, key, kind)
     select position, ledger, idempotency_hash, 'idempotency' from micropay.transfers where idempotency_hash is not null
     order by position on conflict do nothing`,
  );
}

/** Writes transfers among many accounts, one every ten milliseconds; versions are not kept. */
export async function fillLedger(
  bed: TestBed,
  ledger: Ledger,
  size: { readonly accounts: number; readonly transfers: number },
  effectiveAt: string,
): Promise<void> {
  await ledger.accounts.open({ address: 'world', currency: 'USD' });
  const [own] = await bed.sql<{ id: number }>('select id from micropay.ledgers where name = $1', [ledger.name]);
  const idOf = (n: string) => `('0190b7c4-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
  await bed.sql(
    `with account as (
       insert into micropay.accounts (ledger, id, address, type, currency, opened_at)
       select $1, ${idOf('n')}, 'a' || n, (case when n % 2 = 1 then 'asset' else 'liability' end)::micropay.account_type, 'USD', now()
       from generate_series(0, $2::integer - 1) n returning ledger, id, type
     )
     insert into micropay.balances (ledger, account_id, recorded_at, debit_normal, currency)
     select ledger, id, now(), type = 'asset', 'USD' from account`,
    [own?.id, size.accounts],
  );
  await bed.sql(
    `insert into micropay.transfers (recorded_at, effective_at, from_version, to_version, ledger, kind, id, from_account,
       to_account, currency, amount, from_posted, to_posted)
     select to_timestamp(${RECORDED_FROM / 1000} + n / 100.0), ${effectiveAt}, n, n, $1, 'transfer', gen_random_uuid(),
       ${idOf('n % $2::integer')}, ${idOf('((n::bigint * 7919 + 1) % $2::integer)::integer')}, 'USD', 1 + n % 9, 0, 0
     from generate_series(1, $3::integer) n
     where n % $2::integer <> (n::bigint * 7919 + 1) % $2::integer order by n`,
    [own?.id, size.accounts, size.transfers],
  );
}
