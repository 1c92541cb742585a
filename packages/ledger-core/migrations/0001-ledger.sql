-- The ledger's tables: accounts, their balances, the journal and the facts beside it.
-- Old code may run beside it: no

create table ledgers (
  id integer generated always as identity,
  name text collate "C" not null,
  time_zone text not null default 'UTC',
  created_at timestamptz(3) not null default now(),
  constraint ledgers_pkey primary key (id),
  constraint ledgers_name_unique unique (name),
  constraint ledgers_name_length check (length(name) between 1 and 63)
);

create table currencies (
  ledger integer not null,
  code text collate "C" not null,
  scale smallint not null,
  constraint currencies_pkey primary key (ledger, code),
  constraint currencies_ledger_exists foreign key (ledger) references ledgers (id),
  constraint currencies_scale_range check (scale between 0 and 30)
);

create type account_type as enum ('asset', 'liability', 'equity', 'income', 'expense');
create type account_status as enum ('open', 'frozen_debits', 'frozen_credits', 'frozen', 'closed');

-- What an account is. Immutable but for metadata.
create table accounts (
  ledger integer not null,
  id uuid not null,
  address text collate "C" not null,
  type account_type not null,
  currency text collate "C" not null,
  metadata jsonb not null default '{}',
  opened_at timestamptz(3) not null,
  constraint accounts_pkey primary key (ledger, id),
  constraint accounts_address_unique unique (ledger, address),
  constraint accounts_currency_exists foreign key (ledger, currency) references currencies (ledger, code),
  constraint accounts_address_length check (length(address) between 1 and 200)
);

-- The hot row of an account, and the only row that is ever locked. Half of each page stays free and
-- no column but the key is indexed, so that updates stay on their page (HOT).
create table balances (
  ledger integer not null,
  account_id uuid not null,
  version bigint not null default 0,
  recorded_at timestamptz(3) not null,
  debit_normal boolean not null,
  status account_status not null default 'open',
  currency text collate "C" not null,
  minimum numeric(38, 0),
  maximum numeric(38, 0),
  debits_posted numeric(38, 0) not null default 0,
  credits_posted numeric(38, 0) not null default 0,
  debits_pending numeric(38, 0) not null default 0,
  credits_pending numeric(38, 0) not null default 0,
  constraint balances_pkey primary key (ledger, account_id),
  constraint balances_totals_not_negative check (
    debits_posted >= 0 and credits_posted >= 0 and debits_pending >= 0 and credits_pending >= 0
  ),
  constraint balances_minimum_kept check (
    minimum is null
    or case when debit_normal
      then debits_posted - credits_posted - credits_pending
      else credits_posted - debits_posted - debits_pending
    end >= minimum
  ),
  constraint balances_maximum_kept check (
    maximum is null
    or case when debit_normal
      then debits_posted - credits_posted + debits_pending
      else credits_posted - debits_posted + credits_pending
    end <= maximum
  )
) with (fillfactor = 50);

create type transfer_kind as enum ('transfer', 'hold', 'capture', 'release', 'expiry', 'reversal');

-- One order over all facts of all ledgers. Drawn while the account locks are held, so that its order is
-- each account's commit order. Cache 1: a cache would hand out positions ahead of their time.
create sequence event_position as bigint cache 1;

-- The journal: one row is both entries of a transfer and the event that it was posted. Columns are
-- laid out by alignment. A pending balance of zero is null, which costs no byte.
create table transfers (
  position bigint not null default nextval('event_position'),
  recorded_at timestamptz(3) not null,
  from_version bigint not null,
  to_version bigint not null,
  ledger integer not null,
  kind transfer_kind not null,
  id uuid not null,
  from_account uuid not null,
  to_account uuid not null,
  currency text collate "C" not null,
  amount numeric(38, 0) not null,
  from_posted numeric(38, 0) not null,
  to_posted numeric(38, 0) not null,
  request_hash bigint,
  idempotency_hash uuid,
  group_id uuid,
  effective_at timestamptz(3),
  from_pending_in numeric(38, 0),
  from_pending_out numeric(38, 0),
  to_pending_in numeric(38, 0),
  to_pending_out numeric(38, 0),
  description text,
  metadata jsonb,
  constraint transfers_pkey primary key (ledger, id),
  constraint transfers_amount_positive check (amount > 0),
  constraint transfers_accounts_differ check (from_account <> to_account)
);

create unique index transfers_position_unique on transfers (position);
create unique index transfers_idempotency_unique on transfers (ledger, idempotency_hash)
  where idempotency_hash is not null;
create index transfers_group on transfers (ledger, group_id) where group_id is not null;
-- The history of one account, each from its side. Versions are gap-free and time never runs backwards
-- within an account, so an instant is found among them by halving. Account ids are UUIDs: the ledger would narrow nothing.
create index transfers_from_history on transfers (from_account, from_version);
create index transfers_to_history on transfers (to_account, to_version);

-- The same journal as accountants expect it: one row a side.
create view entries as
select
  ledger, from_account as account_id, from_version as version, recorded_at, id as transfer_id,
  group_id, kind, 'debit' as direction, to_account as counterparty, amount, currency,
  from_posted as posted,
  coalesce(from_pending_in, 0) as pending_in,
  coalesce(from_pending_out, 0) as pending_out,
  effective_at, description, metadata
from transfers
union all
select
  ledger, to_account, to_version, recorded_at, id,
  group_id, kind, 'credit', from_account, amount, currency,
  to_posted,
  coalesce(to_pending_in, 0),
  coalesce(to_pending_out, 0),
  effective_at, description, metadata
from transfers;

-- Facts that no journal row stands behind: they store their own data.
create table events (
  position bigint not null default nextval('event_position'),
  recorded_at timestamptz(3) not null,
  ledger integer not null,
  id uuid not null,
  type text collate "C" not null,
  subject uuid not null,
  data jsonb not null,
  constraint events_pkey primary key (position)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation',
      hint = 'Post a correcting transfer instead.';
end $$;

create trigger transfers_append_only before update or delete or truncate on transfers
  for each statement execute function refuse_change();
create trigger events_append_only before update or truncate on events
  for each statement execute function refuse_change();
create trigger accounts_stay before delete or truncate on accounts
  for each statement execute function refuse_change();
create trigger balances_stay before delete or truncate on balances
  for each statement execute function refuse_change();

create function refuse_identity_change() returns trigger language plpgsql as $$
begin
  if (old.ledger, old.id, old.address, old.type, old.currency, old.opened_at)
    is distinct from (new.ledger, new.id, new.address, new.type, new.currency, new.opened_at) then
    raise exception 'an account is immutable but for its metadata'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;

create trigger accounts_immutable before update on accounts
  for each row execute function refuse_identity_change();
