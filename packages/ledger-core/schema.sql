-- The ledger's schema after all migrations, for readers and for reviews. Written by "npm run schema" in
-- packages/ledger-core; npm run schema:check refuses a stale one. The migrations make the tables.

create type account_status as enum ('open', 'frozen_debits', 'frozen_credits', 'frozen', 'closed');

create type account_type as enum ('asset', 'liability', 'equity', 'income', 'expense');

create type hold_state as enum ('open', 'captured', 'released', 'expired');

create type transfer_key_kind as enum ('idempotency', 'id');

create type transfer_kind as enum ('transfer', 'hold', 'capture', 'release', 'expiry', 'reversal');

create type transfer_request_state as enum ('requested', 'posted', 'refused');

create sequence event_position as bigint cache 1;

create table accounts (
  ledger integer not null,
  id uuid not null,
  address text collate "C" not null,
  type account_type not null,
  currency text collate "C" not null,
  metadata jsonb not null default '{}'::jsonb,
  opened_at timestamp(3) with time zone not null,
  constraint accounts_pkey PRIMARY KEY (id, ledger),
  constraint accounts_currency_exists FOREIGN KEY (ledger, currency) REFERENCES currencies(ledger, code),
  constraint accounts_address_length CHECK (length(address) >= 1 AND length(address) <= 200)
) with (autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=10000);
CREATE UNIQUE INDEX accounts_address_unique ON accounts USING btree (ledger, address) WHERE address <> ''::text;
CREATE INDEX accounts_in_order ON accounts USING btree (ledger, id) WHERE length(address) > 0;

create table balances (
  ledger integer not null,
  account_id uuid not null,
  version bigint not null default 0,
  recorded_at timestamp(3) with time zone not null,
  debit_normal boolean not null,
  status account_status not null default 'open'::account_status,
  currency text collate "C" not null,
  minimum numeric(38,0),
  maximum numeric(38,0),
  debits_posted numeric(38,0) not null default 0,
  credits_posted numeric(38,0) not null default 0,
  debits_pending numeric(38,0) not null default 0,
  credits_pending numeric(38,0) not null default 0,
  constraint balances_pkey PRIMARY KEY (ledger, account_id),
  constraint balances_maximum_kept CHECK (maximum IS NULL OR
CASE
    WHEN debit_normal THEN debits_posted - credits_posted + debits_pending
    ELSE credits_posted - debits_posted + credits_pending
END <= maximum),
  constraint balances_minimum_kept CHECK (minimum IS NULL OR
CASE
    WHEN debit_normal THEN debits_posted - credits_posted - credits_pending
    ELSE credits_posted - debits_posted - debits_pending
END >= minimum),
  constraint balances_totals_not_negative CHECK (debits_posted >= 0::numeric AND credits_posted >= 0::numeric AND debits_pending >= 0::numeric AND credits_pending >= 0::numeric)
) with (fillfactor=50, autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=10000);

create table checkpoint (
  ledger integer not null,
  "position" bigint not null default 0,
  constraint checkpoint_pkey PRIMARY KEY (ledger),
  constraint checkpoint_position_not_negative CHECK ("position" >= 0)
);

create table currencies (
  ledger integer not null,
  code text collate "C" not null,
  scale smallint not null,
  constraint currencies_pkey PRIMARY KEY (ledger, code),
  constraint currencies_ledger_exists FOREIGN KEY (ledger) REFERENCES ledgers(id),
  constraint currencies_scale_range CHECK (scale >= 0 AND scale <= 30)
);

create table dated_blocks (
  ledger integer not null,
  scope uuid not null,
  starts_at timestamp(3) with time zone not null,
  currency text collate "C" not null,
  type account_type not null,
  last_at timestamp(3) with time zone not null,
  entries integer not null,
  debits numeric not null,
  credits numeric not null,
  constraint dated_blocks_pkey PRIMARY KEY (ledger, scope, starts_at, currency, type)
) with (fillfactor=70);

create table dated_marks (
  ledger integer not null,
  account_id uuid not null,
  "position" bigint not null,
  entries bigint not null,
  debits numeric not null,
  credits numeric not null,
  constraint dated_marks_pkey PRIMARY KEY (ledger, account_id, "position")
);

create table event_cursors (
  ledger integer not null,
  sink text collate "C" not null,
  "position" bigint not null default 0,
  moved_at timestamp(3) with time zone not null default now(),
  constraint event_cursors_pkey PRIMARY KEY (ledger, sink),
  constraint event_cursors_position_not_negative CHECK ("position" >= 0)
);

create table event_retention (
  ledger integer not null,
  deleted_through bigint not null,
  constraint event_retention_pkey PRIMARY KEY (ledger)
);

create table event_sinks (
  sink text collate "C" not null,
  only_ledger integer,
  paused boolean not null default false,
  revision bigint not null default 0,
  constraint event_sinks_pkey PRIMARY KEY (sink),
  constraint event_sinks_sink_length CHECK (length(sink) >= 1 AND length(sink) <= 255)
);

create table events (
  "position" bigint not null default nextval('event_position'::regclass),
  recorded_at timestamp(3) with time zone not null,
  ledger integer not null,
  id uuid not null,
  type text collate "C" not null,
  topic text collate "C",
  subject uuid not null,
  data jsonb not null,
  traceparent text collate "C",
  constraint events_pkey PRIMARY KEY ("position", ledger)
);
CREATE INDEX events_in_order ON events USING btree (ledger, "position") WHERE length(type) > 0;
CREATE INDEX events_limits_changed ON events USING btree (subject, "position") WHERE type = 'account.limits_changed.v1'::text;
CREATE INDEX events_opened ON events USING btree (subject) WHERE type = 'account.opened.v1'::text;

create table holds (
  ledger integer not null,
  id uuid not null,
  from_account uuid not null,
  to_account uuid not null,
  currency text collate "C" not null,
  amount numeric(38,0) not null,
  captured numeric(38,0) not null,
  remaining numeric(38,0) not null,
  state hold_state not null,
  expires_at timestamp(3) with time zone,
  reference text collate "C",
  constraint holds_pkey PRIMARY KEY (id, ledger),
  constraint holds_amount_positive CHECK (amount > 0::numeric),
  constraint holds_never_exceeded CHECK (captured >= 0::numeric AND remaining >= 0::numeric AND (captured + remaining) <= amount),
  constraint holds_open_while_something_remains CHECK ((state = 'open'::hold_state) = (remaining > 0::numeric))
) with (fillfactor=70);
CREATE INDEX holds_due ON holds USING btree (ledger, expires_at) WHERE state = 'open'::hold_state AND expires_at IS NOT NULL AND amount > 0::numeric;
CREATE INDEX holds_due_from ON holds USING btree (from_account, expires_at) WHERE state = 'open'::hold_state AND expires_at IS NOT NULL;
CREATE INDEX holds_due_to ON holds USING btree (to_account, expires_at) WHERE state = 'open'::hold_state AND expires_at IS NOT NULL;
CREATE INDEX holds_from ON holds USING btree (from_account, id);
CREATE INDEX holds_in_order ON holds USING btree (ledger, id) WHERE amount > 0::numeric;
CREATE INDEX holds_reference ON holds USING btree (ledger, reference, id) WHERE reference IS NOT NULL;
CREATE INDEX holds_to ON holds USING btree (to_account, id);

create table journal_stretches (
  ledger integer not null,
  begins_after bigint not null,
  through bigint not null,
  currency text collate "C" not null,
  type account_type not null,
  first_recorded_at timestamp(3) with time zone not null,
  last_recorded_at timestamp(3) with time zone not null,
  debits numeric not null,
  credits numeric not null,
  dated_debits numeric not null,
  dated_credits numeric not null,
  constraint journal_stretches_pkey PRIMARY KEY (ledger, through, currency, type)
);

create table ledgers (
  id integer not null generated always as identity,
  name text collate "C" not null,
  time_zone text not null default 'UTC'::text,
  created_at timestamp(3) with time zone not null default now(),
  constraint ledgers_pkey PRIMARY KEY (id),
  constraint ledgers_name_unique UNIQUE (name),
  constraint ledgers_name_length CHECK (length(name) >= 1 AND length(name) <= 63)
);

create table migrations (
  component text not null,
  name text not null,
  old_code_may_run boolean not null,
  applied_at timestamp(3) with time zone not null default now(),
  constraint migrations_pkey PRIMARY KEY (component, name)
);

create table sealed_partitions (
  begins bigint not null,
  ends bigint not null,
  first_id uuid,
  last_id uuid,
  constraint sealed_partitions_pkey PRIMARY KEY (begins),
  constraint sealed_partitions_ids_in_order CHECK (first_id <= last_id),
  constraint sealed_partitions_in_order CHECK (begins < ends)
);

create table transfer_keys (
  "position" bigint not null,
  ledger integer not null,
  key uuid not null,
  kind transfer_key_kind not null,
  constraint transfer_keys_pkey PRIMARY KEY (key, ledger, kind)
) with (autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=10000);
CREATE INDEX transfer_keys_position ON transfer_keys USING brin ("position") WITH (autosummarize='on');

create table transfer_requests (
  number bigint not null generated always as identity,
  requested_at timestamp(3) with time zone not null,
  settled_at timestamp(3) with time zone,
  due_at timestamp with time zone,
  ledger integer not null,
  state transfer_request_state not null default 'requested'::transfer_request_state,
  id uuid not null,
  transfer_id uuid not null,
  idempotency_hash uuid not null,
  request_hash bigint not null,
  request jsonb not null,
  requested_by text,
  refusal jsonb,
  traceparent text collate "C",
  constraint transfer_requests_pkey PRIMARY KEY (ledger, id),
  constraint transfer_requests_refused CHECK ((state = 'refused'::transfer_request_state) = (refusal IS NOT NULL)),
  constraint transfer_requests_requested_by_length CHECK (length(requested_by) >= 1 AND length(requested_by) <= 255),
  constraint transfer_requests_settled CHECK ((state = 'requested'::transfer_request_state) = (settled_at IS NULL))
);
CREATE UNIQUE INDEX transfer_requests_idempotency_unique ON transfer_requests USING btree (idempotency_hash, ledger);
CREATE INDEX transfer_requests_open ON transfer_requests USING btree (ledger, number) WHERE state = 'requested'::transfer_request_state;
CREATE INDEX transfer_requests_unposted ON transfer_requests USING btree (ledger, idempotency_hash) WHERE state <> 'posted'::transfer_request_state;

create table transfers (
  "position" bigint not null default nextval('event_position'::regclass),
  recorded_at timestamp(3) with time zone not null,
  from_version bigint not null,
  to_version bigint not null,
  ledger integer not null,
  kind transfer_kind not null,
  id uuid not null,
  from_account uuid not null,
  to_account uuid not null,
  currency text collate "C" not null,
  amount numeric(38,0) not null,
  from_posted numeric(38,0) not null,
  to_posted numeric(38,0) not null,
  request_hash bigint,
  idempotency_hash uuid,
  group_id uuid,
  effective_at timestamp(3) with time zone,
  from_pending_in numeric(38,0),
  from_pending_out numeric(38,0),
  to_pending_in numeric(38,0),
  to_pending_out numeric(38,0),
  description text,
  metadata jsonb,
  reference text collate "C",
  original_id uuid,
  released numeric(38,0),
  expires_at timestamp(3) with time zone,
  traceparent text collate "C",
  wakes boolean,
  constraint transfers_accounts_differ CHECK (from_account <> to_account),
  constraint transfers_amount_positive CHECK (amount > 0::numeric),
  constraint transfers_reference_length CHECK (length(reference) >= 1 AND length(reference) <= 255)
) partition by RANGE ("position");
CREATE INDEX transfers_dated ON transfers USING btree (ledger, effective_at) WHERE effective_at IS NOT NULL AND amount > 0::numeric;
CREATE INDEX transfers_from_dated ON transfers USING btree (from_account, effective_at, from_version) WHERE effective_at IS NOT NULL;
CREATE INDEX transfers_from_dated_log ON transfers USING btree (from_account, "position") WHERE effective_at IS NOT NULL;
CREATE INDEX transfers_from_history ON transfers USING btree (from_account, (from_version >> 5));
CREATE INDEX transfers_group ON transfers USING btree (ledger, group_id) WHERE group_id IS NOT NULL;
CREATE INDEX transfers_original ON transfers USING btree (ledger, original_id) WHERE original_id IS NOT NULL;
CREATE UNIQUE INDEX transfers_position_unique ON transfers USING btree (ledger, "position") WHERE amount > 0::numeric;
CREATE INDEX transfers_reference ON transfers USING btree (ledger, reference, "position") WHERE reference IS NOT NULL;
CREATE INDEX transfers_to_dated ON transfers USING btree (to_account, effective_at, to_version) WHERE effective_at IS NOT NULL;
CREATE INDEX transfers_to_dated_log ON transfers USING btree (to_account, "position") WHERE effective_at IS NOT NULL;
CREATE INDEX transfers_to_history ON transfers USING btree (to_account, (to_version >> 5));
CREATE INDEX transfers_wakes ON transfers USING btree ("position", ledger) WHERE wakes;

create table transfers_1 partition of transfers (constraint transfers_1_pkey PRIMARY KEY (id, ledger)) FOR VALUES FROM (MINVALUE) TO ('50000001') with (autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=10000);

create table transfers_50000001 partition of transfers (constraint transfers_50000001_pkey PRIMARY KEY (id, ledger)) FOR VALUES FROM ('50000001') TO ('100000001') with (autovacuum_analyze_scale_factor=0, autovacuum_analyze_threshold=10000);

create view entries as
 SELECT transfers.ledger,
    transfers.from_account AS account_id,
    transfers.from_version AS version,
    transfers.recorded_at,
    transfers.id AS transfer_id,
    transfers.group_id,
    transfers.kind,
    'debit'::text AS direction,
    transfers.to_account AS counterparty,
    transfers.amount,
    transfers.currency,
    transfers.from_posted AS posted,
    COALESCE(transfers.from_pending_in, 0::numeric) AS pending_in,
    COALESCE(transfers.from_pending_out, 0::numeric) AS pending_out,
    transfers.effective_at,
    transfers.description,
    transfers.metadata,
    transfers.reference,
    transfers.original_id,
    COALESCE(transfers.released, 0::numeric) AS released
   FROM transfers
UNION ALL
 SELECT transfers.ledger,
    transfers.to_account AS account_id,
    transfers.to_version AS version,
    transfers.recorded_at,
    transfers.id AS transfer_id,
    transfers.group_id,
    transfers.kind,
    'credit'::text AS direction,
    transfers.from_account AS counterparty,
    transfers.amount,
    transfers.currency,
    transfers.to_posted AS posted,
    COALESCE(transfers.to_pending_in, 0::numeric) AS pending_in,
    COALESCE(transfers.to_pending_out, 0::numeric) AS pending_out,
    transfers.effective_at,
    transfers.description,
    transfers.metadata,
    transfers.reference,
    transfers.original_id,
    COALESCE(transfers.released, 0::numeric) AS released
   FROM transfers;

CREATE OR REPLACE FUNCTION refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op)
    using errcode = 'restrict_violation',
      hint = 'Post a correcting transfer instead.';
end $function$;

CREATE OR REPLACE FUNCTION refuse_effective_before_original()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE OR REPLACE FUNCTION refuse_identity_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if (old.ledger, old.id, old.address, old.type, old.currency, old.opened_at)
    is distinct from (new.ledger, new.id, new.address, new.type, new.currency, new.opened_at) then
    raise exception 'an account is immutable but for its metadata'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION refuse_reopening()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  if old.state <> 'open' or (old.ledger, old.id, old.from_account, old.to_account, old.currency, old.amount)
    is distinct from (new.ledger, new.id, new.from_account, new.to_account, new.currency, new.amount)
    or (old.expires_at, old.reference) is distinct from (new.expires_at, new.reference) then
    raise exception 'a hold that has ended stays as it is, and what was held never changes'
      using errcode = 'restrict_violation';
  end if;
  return new;
end $function$;

CREATE OR REPLACE FUNCTION refuse_settled_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$;

CREATE TRIGGER accounts_immutable BEFORE UPDATE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse_identity_change();

CREATE TRIGGER accounts_stay BEFORE DELETE OR TRUNCATE ON accounts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER balances_stay BEFORE DELETE OR TRUNCATE ON balances FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER events_append_only BEFORE UPDATE OR TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER holds_end_once BEFORE UPDATE ON holds FOR EACH ROW EXECUTE FUNCTION refuse_reopening();

CREATE TRIGGER holds_stay BEFORE DELETE OR TRUNCATE ON holds FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER transfer_keys_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON transfer_keys FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER transfer_requests_final BEFORE UPDATE ON transfer_requests FOR EACH ROW EXECUTE FUNCTION refuse_settled_change();

CREATE TRIGGER transfer_requests_stay BEFORE DELETE OR TRUNCATE ON transfer_requests FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER transfers_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON transfers FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER transfers_effective_after_original BEFORE INSERT ON transfers FOR EACH ROW WHEN (new.original_id IS NOT NULL AND (new.kind = 'reversal'::transfer_kind OR new.kind = 'capture'::transfer_kind AND new.effective_at IS NOT NULL)) EXECUTE FUNCTION refuse_effective_before_original();

CREATE TRIGGER transfers_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON transfers_1 FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TRIGGER transfers_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON transfers_50000001 FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
