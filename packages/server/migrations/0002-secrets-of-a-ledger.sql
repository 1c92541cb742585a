-- Sessions, refresh tokens and signing keys belong to one ledger, as users and API keys did: a secret of one ledger is
-- looked up in that ledger alone. Sessions and keys are made anew: users log in again.
-- Old code may run beside it: no

drop table refresh_tokens;
drop table sessions;

alter table users drop constraint users_pkey;
alter table users add constraint users_pkey primary key (ledger, id);

-- A login and all the tokens that descend from it: ended as a whole, by logout or when a refresh token comes twice.
create table sessions (
  ledger text not null,
  id uuid not null,
  user_id uuid not null,
  created_at timestamptz(3) not null default now(),
  revoked_at timestamptz(3),
  constraint sessions_pkey primary key (ledger, id),
  constraint sessions_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade
);
create index sessions_user on sessions (ledger, user_id);
create index sessions_revoked on sessions (ledger, revoked_at) where revoked_at is not null;

create table refresh_tokens (
  ledger text not null,
  token_hash bytea not null,
  session_id uuid not null,
  -- The token that was exchanged for this one; null for the first of a session.
  parent_hash bytea,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  used_at timestamptz(3),
  constraint refresh_tokens_pkey primary key (ledger, token_hash),
  constraint refresh_tokens_session_fkey foreign key (ledger, session_id)
    references sessions (ledger, id) on delete cascade
);
create index refresh_tokens_session on refresh_tokens (ledger, session_id);
create index refresh_tokens_parent on refresh_tokens (ledger, parent_hash) where parent_hash is not null;
create index refresh_tokens_expires on refresh_tokens (ledger, expires_at);

alter table api_keys drop constraint api_keys_pkey;
alter table api_keys add constraint api_keys_pkey primary key (ledger, id);

delete from signing_keys;
alter table signing_keys add column ledger text not null;
alter table signing_keys drop constraint signing_keys_pkey;
alter table signing_keys add constraint signing_keys_pkey primary key (ledger, kid);
