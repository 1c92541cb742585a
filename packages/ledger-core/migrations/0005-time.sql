-- Balances as of an instant: indexes for transfers that name their own effective time, and checkpoints.
-- Old code may run beside it: yes

-- "Dated" is a transfer with an effective time of its own; every other counts when it is recorded. The indexes
-- hold dated rows alone, so that others cost no byte: each account's in effective order and in recorded
-- order, and each ledger's in effective order.
create index transfers_from_dated on transfers (from_account, effective_at, from_version) where effective_at is not null;
create index transfers_to_dated on transfers (to_account, effective_at, to_version) where effective_at is not null;
create index transfers_from_dated_log on transfers (from_account, position) where effective_at is not null;
create index transfers_to_dated_log on transfers (to_account, position) where effective_at is not null;
create index transfers_dated on transfers (ledger, effective_at) where effective_at is not null;

-- Checkpoints are sums of the journal up to a position below which nothing can appear any more. They are
-- derived: without them every answer is the same, and slower.
create table checkpoint (
  position bigint not null default 0,
  only_row boolean not null default true,
  constraint checkpoint_pkey primary key (only_row),
  constraint checkpoint_one_row check (only_row),
  constraint checkpoint_position_not_negative check (position >= 0)
);
insert into checkpoint default values;

-- What the transfers of a stretch of the journal moved: of the positions after `begins_after` up to `through`.
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

-- What dated transfers moved, in effective order: a block reaches from its start to that of the next. Its scope is an
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

-- What all dated transfers of an account up to a position moved.
create table dated_marks (
  ledger integer not null,
  account_id uuid not null,
  position bigint not null,
  entries bigint not null,
  debits numeric not null,
  credits numeric not null,
  constraint dated_marks_pkey primary key (ledger, account_id, position)
);
