-- Transfers that are asked for now and posted later: each is settled once, and for good.
-- Old code may run beside it: yes

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
  constraint transfer_requests_pkey primary key (ledger, id),
  constraint transfer_requests_settled check ((state = 'requested') = (settled_at is null)),
  constraint transfer_requests_refused check ((state = 'refused') = (refusal is not null)),
  constraint transfer_requests_requested_by_length check (length(requested_by) between 1 and 255)
);

create unique index transfer_requests_idempotency_unique on transfer_requests (ledger, idempotency_hash);
create index transfer_requests_open on transfer_requests (ledger, number) where state = 'requested';

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
