-- Holds, reversals and what the journal says of them; the history of limits.
-- Old code may run beside it: no

-- Null for most rows, which costs no byte: what a row continues, what a final capture gives back, when a hold ends.
alter table transfers add column original_id uuid;
alter table transfers add column released numeric(38, 0);
alter table transfers add column expires_at timestamptz(3);
create index transfers_original on transfers (ledger, original_id) where original_id is not null;

create or replace view entries as
select
  ledger, from_account as account_id, from_version as version, recorded_at, id as transfer_id,
  group_id, kind, 'debit' as direction, to_account as counterparty, amount, currency,
  from_posted as posted,
  coalesce(from_pending_in, 0) as pending_in,
  coalesce(from_pending_out, 0) as pending_out,
  effective_at, description, metadata, original_id,
  coalesce(released, 0) as released
from transfers
union all
select
  ledger, to_account, to_version, recorded_at, id,
  group_id, kind, 'credit', from_account, amount, currency,
  to_posted,
  coalesce(to_pending_in, 0),
  coalesce(to_pending_out, 0),
  effective_at, description, metadata, original_id,
  coalesce(released, 0)
from transfers;

create type hold_state as enum ('open', 'captured', 'released', 'expired');

-- What is left of each hold. Written under the locks of both accounts, so that it needs none of its own.
create table holds (
  ledger integer not null,
  id uuid not null,
  from_account uuid not null,
  to_account uuid not null,
  currency text collate "C" not null,
  amount numeric(38, 0) not null,
  captured numeric(38, 0) not null,
  remaining numeric(38, 0) not null,
  state hold_state not null,
  expires_at timestamptz(3),
  constraint holds_pkey primary key (ledger, id),
  constraint holds_never_exceeded check (captured >= 0 and remaining >= 0 and captured + remaining <= amount),
  constraint holds_open_while_something_remains check ((state = 'open') = (remaining > 0))
) with (fillfactor = 70);

create index holds_due on holds (ledger, expires_at) where state = 'open' and expires_at is not null;
create index holds_from on holds (ledger, from_account, id);
create index holds_to on holds (ledger, to_account, id);

create function refuse_reopening() returns trigger language plpgsql as $$
begin
  if old.state <> 'open' or (old.ledger, old.id, old.from_account, old.to_account, old.currency, old.amount)
    is distinct from (new.ledger, new.id, new.from_account, new.to_account, new.currency, new.amount)
    or old.expires_at is distinct from new.expires_at then
    raise exception 'a hold that has ended stays as it is, and what was held never changes'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;

create trigger holds_end_once before update on holds
  for each row execute function refuse_reopening();
create trigger holds_stay before delete or truncate on holds
  for each statement execute function refuse_change();

-- The minimum that counted at a position is the one before the next change of it.
create index events_limits_changed on events (subject, position) where type = 'account.limits_changed.v1';
