-- The ledger's tables: accounts, their balances, the journal and domain events. Every key of a table that holds rows of a ledger
-- holds the ledger: what is unique is unique in its ledger, and the rows of a ledger can be kept together on one node.
-- Old code may run beside it: no
-- Phase: before the new code
-- Locks: none
-- Duration: a moment

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

-- The identity of each account. Immutable but for metadata.
create table accounts (
  ledger integer not null,
  id uuid not null,
  address text collate "C" not null,
  type account_type not null,
  currency text collate "C" not null,
  metadata jsonb not null default '{}',
  opened_at timestamptz(3) not null,
  constraint accounts_pkey primary key (id, ledger),
  constraint accounts_currency_exists foreign key (ledger, currency) references currencies (ledger, code),
  constraint accounts_address_length check (length(address) between 1 and 200)
);

-- Each is partial on what is true of every account, so that it is planned only for statements that say so: to a planner that
-- believes a ledger to have one account, an index that begins with the ledger is as good for an id or an address as that of it.
create unique index accounts_address_unique on accounts (ledger, address) where address <> '';
create index accounts_in_order on accounts (ledger, id) where length(address) > 0;

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

-- Positions of the events of all ledgers, which order those of one ledger. Drawn while the account locks are held, so that their order
-- is each account's commit order. Cache 1: a larger cache would give sessions positions before they need them.
create sequence event_position as bigint cache 1;

-- The journal: one row is both entries of a transfer and the event that it was posted. Columns are
-- laid out by alignment. A column that is null, as a pending balance of zero is, costs no byte.
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
  -- The caller's own name of it.
  reference text collate "C",
  -- The hold or transfer that a row continues, the rest that a final capture releases, the time when a hold ends.
  original_id uuid,
  released numeric(38, 0),
  expires_at timestamptz(3),
  -- The W3C trace context of the request that posted it, if that was sampled; its events carry it on.
  traceparent text collate "C",
  -- True in the first row of a batch and null in all others: readers find by it in which ledgers something was written.
  wakes boolean,
  constraint transfers_amount_positive check (amount > 0),
  constraint transfers_accounts_differ check (from_account <> to_account),
  constraint transfers_reference_length check (length(reference) between 1 and 255)
) partition by range (position);

-- An index begins with the ledger only if it is partial, so that the ledger alone does not find it: of a ledger that is younger than
-- the statistics the planner believes that it has a row or two, and would read all of it for the history of one account. The
-- index of a ledger's order says `amount > 0`, which is true of every row, and statements that want this order say so too.
create unique index transfers_position_unique on transfers (ledger, position) where amount > 0;
create index transfers_wakes on transfers (position, ledger) where wakes;
create index transfers_group on transfers (ledger, group_id) where group_id is not null;
create index transfers_reference on transfers (ledger, reference, position) where reference is not null;
create index transfers_original on transfers (ledger, original_id) where original_id is not null;
-- The history of one account, each from its side, by blocks of 32 versions: rows with the same key share one copy of it in the
-- index, which takes a fifth of the room that a key for each row does. Versions are gap-free and time never runs backwards
-- within an account, so an instant is found among them by halving. Account ids are UUIDs: the ledger would narrow nothing.
create index transfers_from_history on transfers (from_account, (from_version >> 5));
create index transfers_to_history on transfers (to_account, (to_version >> 5));
-- "Dated" is a transfer with an effective time of its own; every other counts when it is recorded. The indexes
-- hold dated rows alone, so that others cost no byte: each account's in effective order and in recorded
-- order, and each ledger's in effective order.
create index transfers_from_dated on transfers (from_account, effective_at, from_version) where effective_at is not null;
create index transfers_to_dated on transfers (to_account, effective_at, to_version) where effective_at is not null;
create index transfers_from_dated_log on transfers (from_account, position) where effective_at is not null;
create index transfers_to_dated_log on transfers (to_account, position) where effective_at is not null;
create index transfers_dated on transfers (ledger, effective_at) where effective_at is not null and amount > 0;

-- The first partitions; addPartition() in src/postgres/partitions.ts makes the same ahead of the positions to come. Each has a primary
-- key of its own: one of the whole would have to hold the position.
create table transfers_1 partition of transfers (constraint transfers_1_pkey primary key (id, ledger))
  for values from (minvalue) to (50000001)
  with (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
create table transfers_50000001 partition of transfers (constraint transfers_50000001_pkey primary key (id, ledger))
  for values from (50000001) to (100000001)
  with (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);

-- A partition that is full and settled, with the first and the last of its ids, but for those among transfer_keys: an id that is
-- not between them is not in it. They are the ids of all ledgers, as the partitions are.
create table sealed_partitions (
  begins bigint not null,
  ends bigint not null,
  first_id uuid,
  last_id uuid,
  constraint sealed_partitions_pkey primary key (begins),
  constraint sealed_partitions_in_order check (begins < ends),
  constraint sealed_partitions_ids_in_order check (first_id <= last_id)
);

-- Each key may be used once in a ledger, for ever. It is the digest of an idempotency key, or an id that somebody knew before it
-- was posted: a caller's own, or that of a transfer request. The position is that of the journal row that used it. The table is
-- apart from the journal, and narrow, so that the journal can be in parts: a unique index holds over one table only.
create type transfer_key_kind as enum ('idempotency', 'id');

create table transfer_keys (
  position bigint not null,
  ledger integer not null,
  key uuid not null,
  kind transfer_key_kind not null,
  -- The key first, as an index that begins with the ledger would be found by the ledger alone.
  constraint transfer_keys_pkey primary key (key, ledger, kind)
);
-- Keys are written in about the order of positions: this finds those of a stretch of the journal, and is a page or two.
create index transfer_keys_position on transfer_keys using brin (position) with (autosummarize = on);

-- The same journal as accountants expect it: one row a side.
create view entries as
select
  ledger, from_account as account_id, from_version as version, recorded_at, id as transfer_id,
  group_id, kind, 'debit' as direction, to_account as counterparty, amount, currency,
  from_posted as posted,
  coalesce(from_pending_in, 0) as pending_in,
  coalesce(from_pending_out, 0) as pending_out,
  effective_at, description, metadata, reference, original_id,
  coalesce(released, 0) as released
from transfers
union all
select
  ledger, to_account, to_version, recorded_at, id,
  group_id, kind, 'credit', from_account, amount, currency,
  to_posted,
  coalesce(to_pending_in, 0),
  coalesce(to_pending_out, 0),
  effective_at, description, metadata, reference, original_id,
  coalesce(released, 0)
from transfers;

-- Domain events: they are not journal rows, so they store their own data.
create table events (
  position bigint not null default nextval('event_position'),
  recorded_at timestamptz(3) not null,
  ledger integer not null,
  id uuid not null,
  type text collate "C" not null,
  -- Where a domain event of the application goes; null for an event of the ledger itself, whose topic follows from its type.
  topic text collate "C",
  subject uuid not null,
  data jsonb not null,
  traceparent text collate "C",
  constraint events_pkey primary key (position, ledger)
);
-- True of every row, as with the journal.
create index events_in_order on events (ledger, position) where length(type) > 0;
-- The minimum that counted at a position is the one before the next change of it.
create index events_limits_changed on events (subject, position) where type = 'account.limits_changed.v1';
-- Finds the event of an account's opening, so that verify can report an account without one.
create index events_opened on events (subject) where type = 'account.opened.v1';

create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation',
      hint = 'Post a correcting transfer instead.';
end $$;

-- A trigger of the whole does not fire for a statement that names a partition.
create trigger transfers_append_only before update or delete or truncate on transfers
  for each statement execute function refuse_change();
create trigger transfers_append_only before update or delete or truncate on transfers_1
  for each statement execute function refuse_change();
create trigger transfers_append_only before update or delete or truncate on transfers_50000001
  for each statement execute function refuse_change();
create trigger transfer_keys_append_only before update or delete or truncate on transfer_keys
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

-- A capture or a reversal is not effective before what it continues: the ledger refuses it, and so does the journal.
-- The trigger fires for reversals and for captures that are dated; other rows pay for its condition alone.
-- The original is looked for as transferOfId() in src/postgres/transfer-keys.ts does: at the position of its key, among what is not
-- sealed, and in the sealed partitions that have its id in their range. The positions are values of a statement of its own, so that
-- PostgreSQL neither plans nor locks the other partitions.
create function refuse_effective_before_original() returns trigger language plpgsql as $$
declare
  place record;
  earliest timestamptz;
begin
  -- The schema has any name, and whoever writes has any search_path.
  for place in execute format(
    'select position as begins, position + 1 as ends from %1$I.transfer_keys where key = $2 and ledger = $1 and kind = ''id''
     union all
     select coalesce(max(ends), 0), 9223372036854775807 from %1$I.sealed_partitions
     union all
     select begins, ends from %1$I.sealed_partitions where $2 between first_id and last_id', tg_table_schema)
    using new.ledger, new.original_id
  loop
    execute format('select coalesce(effective_at, recorded_at) from %I.transfers
        where ledger = $1 and id = $2 and position >= $3 and position < $4', tg_table_schema)
      into earliest using new.ledger, new.original_id, place.begins, place.ends;
    exit when earliest is not null;
  end loop;
  if coalesce(new.effective_at, new.recorded_at) < earliest then
    raise exception '% % would be effective before %, which it continues', new.kind, new.id, new.original_id
      using errcode = 'check_violation', constraint = 'transfers_effective_after_original';
  end if;
  return new;
end $$;

create trigger transfers_effective_after_original before insert on transfers for each row
  when (new.original_id is not null and (new.kind = 'reversal' or new.kind = 'capture' and new.effective_at is not null))
  execute function refuse_effective_before_original();

-- Statistics are gathered after every ten thousand rows, and not after a tenth of the table: of a ledger that they do not know
-- yet the planner believes that it has a row or two.
alter table accounts set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
alter table balances set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);
alter table transfer_keys set (autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 10000);

create type hold_state as enum ('open', 'captured', 'released', 'expired');

-- The remaining amount of each hold. Written under the locks of both accounts, so that it needs none of its own.
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
  reference text collate "C",
  constraint holds_pkey primary key (id, ledger),
  constraint holds_amount_positive check (amount > 0),
  constraint holds_never_exceeded check (captured >= 0 and remaining >= 0 and captured + remaining <= amount),
  constraint holds_open_while_something_remains check ((state = 'open') = (remaining > 0))
) with (fillfactor = 70);

-- As with the journal, the indexes of an order of a ledger are partial on what is true of every row.
create index holds_in_order on holds (ledger, id) where amount > 0;
create index holds_due on holds (ledger, expires_at) where state = 'open' and expires_at is not null and amount > 0;
-- The holds of an account that are due are found among its open ones, not among all that it ever had: every reader of a balance
-- that has something pending looks for them.
create index holds_due_from on holds (from_account, expires_at) where state = 'open' and expires_at is not null;
create index holds_due_to on holds (to_account, expires_at) where state = 'open' and expires_at is not null;
create index holds_reference on holds (ledger, reference, id) where reference is not null;
create index holds_from on holds (from_account, id);
create index holds_to on holds (to_account, id);

create function refuse_reopening() returns trigger language plpgsql as $$
begin
  if old.state <> 'open' or (old.ledger, old.id, old.from_account, old.to_account, old.currency, old.amount)
    is distinct from (new.ledger, new.id, new.from_account, new.to_account, new.currency, new.amount)
    or (old.expires_at, old.reference) is distinct from (new.expires_at, new.reference) then
    raise exception 'a hold that has ended stays as it is, and what was held never changes'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;

create trigger holds_end_once before update on holds
  for each row execute function refuse_reopening();
create trigger holds_stay before delete or truncate on holds
  for each statement execute function refuse_change();

-- Transfers that are asked for now and posted later: each is settled once, and for good.
create type transfer_request_state as enum ('requested', 'posted', 'refused');

create table transfer_requests (
  number bigint generated always as identity,
  requested_at timestamptz(3) not null,
  settled_at timestamptz(3),
  -- Not tried before this instant, since an account of it was locked or a fault struck; null for at once.
  due_at timestamptz,
  ledger integer not null,
  state transfer_request_state not null default 'requested',
  id uuid not null,
  -- The id that the transfer will have. When its key had been posted already, the id of that transfer.
  transfer_id uuid not null,
  idempotency_hash uuid not null,
  request_hash bigint not null,
  request jsonb not null,
  requested_by text,
  refusal jsonb,
  traceparent text collate "C",
  constraint transfer_requests_pkey primary key (ledger, id),
  constraint transfer_requests_settled check ((state = 'requested') = (settled_at is null)),
  constraint transfer_requests_refused check ((state = 'refused') = (refusal is not null)),
  constraint transfer_requests_requested_by_length check (length(requested_by) between 1 and 255)
);

-- The key first: an index that begins with the ledger would be as good as the primary key for an id in a young ledger.
create unique index transfer_requests_idempotency_unique on transfer_requests (idempotency_hash, ledger);
create index transfer_requests_open on transfer_requests (ledger, number) where state = 'requested';
-- A posting under a key looks for the requested transfer that bears it, which matters until that is posted: then the journal has
-- the key. So the index holds what is open or was refused, and the look-up costs a posting half a microsecond, not six.
create index transfer_requests_unposted on transfer_requests (ledger, idempotency_hash) where state <> 'posted';

create function refuse_settled_change() returns trigger language plpgsql as $$
begin
  if old.state <> 'requested' then
    raise exception 'transfer request % is settled: its outcome is final', old.id
      using errcode = 'restrict_violation';
  end if;
  if (old.ledger, old.id, old.number, old.requested_at, old.idempotency_hash, old.request_hash, old.request, old.requested_by)
    is distinct from
    (new.ledger, new.id, new.number, new.requested_at, new.idempotency_hash, new.request_hash, new.request, new.requested_by)
  then
    raise exception 'transfer request % cannot become another request', old.id
      using errcode = 'restrict_violation';
  end if;
  return new;
end $$;

create trigger transfer_requests_final before update on transfer_requests
  for each row execute function refuse_settled_change();
create trigger transfer_requests_stay before delete or truncate on transfer_requests
  for each statement execute function refuse_change();

-- Checkpoints are sums of a ledger's journal up to a position below which nothing can appear any more. They are
-- derived: without them every answer is the same, and slower.
create table checkpoint (
  ledger integer not null,
  position bigint not null default 0,
  constraint checkpoint_pkey primary key (ledger),
  constraint checkpoint_position_not_negative check (position >= 0)
);

-- Totals of the transfers in a stretch of the journal: at the positions after `begins_after` up to `through`.
create table journal_stretches (
  ledger integer not null,
  begins_after bigint not null,
  through bigint not null,
  currency text collate "C" not null,
  type account_type not null,
  first_recorded_at timestamptz(3) not null,
  last_recorded_at timestamptz(3) not null,
  debits numeric not null,
  credits numeric not null,
  dated_debits numeric not null,
  dated_credits numeric not null,
  constraint journal_stretches_pkey primary key (ledger, through, currency, type)
);

-- Totals of dated transfers, in effective order: a block reaches from its start to that of the next. Its scope is an
-- account, or all accounts of the ledger (the nil UUID).
create table dated_blocks (
  ledger integer not null,
  scope uuid not null,
  starts_at timestamptz(3) not null,
  currency text collate "C" not null,
  type account_type not null,
  last_at timestamptz(3) not null,
  entries integer not null,
  debits numeric not null,
  credits numeric not null,
  constraint dated_blocks_pkey primary key (ledger, scope, starts_at, currency, type)
) with (fillfactor = 70);

-- Totals of all dated transfers of an account up to a position.
create table dated_marks (
  ledger integer not null,
  account_id uuid not null,
  position bigint not null,
  entries bigint not null,
  debits numeric not null,
  credits numeric not null,
  constraint dated_marks_pkey primary key (ledger, account_id, position)
);

-- Where events are delivered to: a sink is one receiver, of all ledgers or of one.
create table event_sinks (
  sink text collate "C" not null,
  -- The only ledger whose events it receives; null for all.
  only_ledger integer,
  paused boolean not null default false,
  -- Counts the changes of its cursors that are not deliveries, so that the relay looks at them again.
  revision bigint not null default 0,
  constraint event_sinks_pkey primary key (sink),
  constraint event_sinks_sink_length check (length(sink) between 1 and 255)
);

-- The position up to which each sink has received the events of a ledger.
create table event_cursors (
  ledger integer not null,
  sink text collate "C" not null,
  position bigint not null default 0,
  moved_at timestamptz(3) not null default now(),
  constraint event_cursors_pkey primary key (ledger, sink),
  constraint event_cursors_position_not_negative check (position >= 0)
);

-- The position up to which events of a ledger were deleted: a reader that resumes before it gets an error instead of missing events.
create table event_retention (
  ledger integer not null,
  deleted_through bigint not null,
  constraint event_retention_pkey primary key (ledger)
);
