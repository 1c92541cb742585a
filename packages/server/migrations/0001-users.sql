-- Users, what lets them in, what operators come with, and the state of the ledgers' verification. Secrets are stored as hashes only, but for the private
-- signing keys: whoever may read signing_keys can make access tokens, so grant it to the server's role alone.
-- Each belongs to one ledger: a secret is looked up in its ledger alone.
-- Old code may run beside it: yes
-- Phase: before the new code
-- Locks: none
-- Duration: a moment

create table users (
  id uuid not null,
  ledger text not null,
  -- Null for users of another issuer: they have no password here, and an email only if it was free.
  email text,
  password_hash text,
  display_name text,
  -- When its user proved to read the mails of this email.
  email_verified_at timestamptz(3),
  created_at timestamptz(3) not null default now(),
  -- When the user closed the account. The row stays, as the wallets' addresses name it, and says nothing of the person.
  closed_at timestamptz(3),
  constraint users_pkey primary key (ledger, id),
  constraint users_closed_is_nobody check (
    closed_at is null
      or (email is null and password_hash is null and display_name is null and email_verified_at is null)
  ),
  constraint users_email_unique unique (ledger, email),
  -- Emails may hold letters beyond ASCII, which the code brings into one form. What lower() makes of those depends on the
  -- locale of the database, so that the check is for ASCII alone.
  constraint users_email_lower_case check (email = lower(email collate "C"))
);

-- A login and all the tokens that descend from it: ended as a whole, by logout or when a refresh token comes twice.
create table sessions (
  ledger text not null,
  id uuid not null,
  user_id uuid not null,
  created_at timestamptz(3) not null default now(),
  -- The last login or refresh, and where it came from: an IPv4 address or a /64 network. The device is what the program says of itself.
  -- Both are null once the session has ended for another reason than a logout or its age.
  last_used_at timestamptz(3) not null default now(),
  network text,
  device text,
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

create table api_keys (
  id uuid not null,
  ledger text not null,
  name text not null,
  key_hash bytea not null,
  -- The key before the last rotation, and until when it works beside the new one.
  previous_hash bytea,
  previous_until timestamptz(3),
  scopes text[] not null,
  -- Networks that the key may be used from, as CIDR blocks; null for all.
  networks text[],
  created_by text not null,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3),
  last_used_at timestamptz(3),
  revoked_at timestamptz(3),
  constraint api_keys_pkey primary key (ledger, id),
  constraint api_keys_name_unique unique (ledger, name),
  constraint api_keys_hash_unique unique (ledger, key_hash)
);

-- How often emails, addresses and tokens were tried lately, for all servers together: a name has used up what refills until
-- full_at. Names are hashed. Unlogged: an attempt costs no flush, and after a crash or a failover all may try again.
create unlogged table attempts (
  ledger text not null,
  policy text not null,
  name_hash bytea not null,
  full_at timestamptz not null,
  constraint attempts_pkey primary key (ledger, policy, name_hash)
) with (fillfactor = 50);

-- Users of another issuer, by a hash of the issuer and of the name that they have there. A row stays when its user is closed, so that a
-- token that still lives does not make them again.
create table identities (
  ledger text not null,
  identity_hash bytea not null,
  id uuid not null,
  user_id uuid not null,
  created_at timestamptz(3) not null default now(),
  constraint identities_pkey primary key (ledger, identity_hash),
  constraint identities_user_unique unique (ledger, user_id)
);

-- What users may do beside being users. Few have a role: servers keep them in memory.
create table user_roles (
  ledger text not null,
  user_id uuid not null,
  role text not null,
  granted_by text not null,
  granted_at timestamptz(3) not null default now(),
  constraint user_roles_pkey primary key (ledger, user_id, role),
  constraint user_roles_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade,
  constraint user_roles_role_known check (role in ('support'))
);

-- Acts of operators and support: an entry before each act, or in the database transaction of the act.
create table audit_log (
  ledger text not null,
  id uuid not null,
  created_at timestamptz(3) not null default now(),
  principal text not null,
  operation text not null,
  subject text,
  reason text,
  client_address text,
  request_id text,
  -- Null if it was not known when the entry was written: then audit_outcomes has it once it is.
  outcome text,
  code text,
  constraint audit_log_pkey primary key (ledger, id),
  constraint audit_log_outcome_known check (outcome in ('done', 'refused'))
);
create index audit_log_created on audit_log (ledger, created_at desc, id desc);
create index audit_log_principal on audit_log (ledger, principal, created_at desc, id desc);
create index audit_log_operation on audit_log (ledger, operation, created_at desc, id desc);
create index audit_log_subject on audit_log (ledger, subject, created_at desc, id desc) where subject is not null;

create table audit_outcomes (
  ledger text not null,
  id uuid not null,
  created_at timestamptz(3) not null default now(),
  outcome text not null,
  code text,
  -- The id of what the act made.
  result text,
  constraint audit_outcomes_pkey primary key (ledger, id),
  constraint audit_outcomes_entry_fkey foreign key (ledger, id) references audit_log (ledger, id),
  constraint audit_outcomes_outcome_known check (outcome in ('done', 'refused', 'failed'))
);

create function refuse_audit_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only: % refused', tg_table_name, lower(tg_op) using errcode = 'restrict_violation';
end $$;

create trigger audit_log_append_only before update or delete or truncate on audit_log
  for each statement execute function refuse_audit_change();
create trigger audit_outcomes_append_only before update or delete or truncate on audit_outcomes
  for each statement execute function refuse_audit_change();

-- Several are valid at a time: the next one is known before it signs, the active one signs, and retired ones verify what they have signed.
create table signing_keys (
  ledger text not null,
  kid uuid not null,
  state text not null,
  public_jwk jsonb not null,
  private_jwk jsonb not null,
  created_at timestamptz(3) not null default now(),
  activated_at timestamptz(3),
  retired_at timestamptz(3),
  constraint signing_keys_pkey primary key (ledger, kid),
  constraint signing_keys_state_known check (state in ('next', 'active', 'retired')),
  constraint signing_keys_activated check ((state = 'next') = (activated_at is null)),
  constraint signing_keys_retired check ((state = 'retired') = (retired_at is not null))
);
create unique index signing_keys_next on signing_keys (ledger) where state = 'next';
create unique index signing_keys_active on signing_keys (ledger) where state = 'active';

-- Which server verifies a ledger, and what the last run found.
create table verifications (
  ledger text not null,
  created_at timestamptz(3) not null default now(),
  -- The claim of the run under way; it lapses with its lease, so that another server takes over from one that died.
  holder uuid,
  leased_until timestamptz(3),
  -- Of the last run that reached its end.
  finished_at timestamptz(3),
  duration_seconds double precision,
  problems_found bigint,
  constraint verifications_pkey primary key (ledger),
  constraint verifications_claim_whole check ((holder is null) = (leased_until is null)),
  constraint verifications_result_whole check (
    (finished_at is null) = (problems_found is null) and (finished_at is null) = (duration_seconds is null)
  )
);

-- Mails that wait to be sent, written in the transaction of their cause. No secret is in them: what a link ends in is made when the
-- mail is sent. A mail that was sent is deleted; one that could not be sent stays for a week, so that somebody hears of it.
create table mails (
  ledger text not null,
  id uuid not null,
  kind text not null,
  recipient text not null,
  -- Null for a mail to an email that may be nobody's.
  user_id uuid,
  data jsonb not null,
  created_at timestamptz(3) not null default now(),
  -- When it may be tried next. A server that has taken it sets it to the end of its lease.
  due_at timestamptz(3) not null default now(),
  attempts int not null default 0,
  ended text,
  constraint mails_pkey primary key (ledger, id),
  constraint mails_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade,
  constraint mails_ended_known check (ended in ('failed', 'refused'))
);
create index mails_due on mails (ledger, due_at) where ended is null;
create index mails_user on mails (ledger, user_id) where user_id is not null;

-- What links in mails end in, as hashes. A mail that was sent in several attempts has a row for each of them; a newer mail of the same
-- purpose ends those of the mails before it.
create table link_tokens (
  ledger text not null,
  token_hash bytea not null,
  user_id uuid not null,
  purpose text not null,
  -- The email that the mail went to: to have read it is what the token proves.
  email text not null,
  mail_id uuid not null,
  asked_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  constraint link_tokens_pkey primary key (ledger, token_hash),
  constraint link_tokens_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade
);
create index link_tokens_user on link_tokens (ledger, user_id);
create index link_tokens_expires on link_tokens (ledger, expires_at);

-- What users prove beside the password. The secret of an authenticator app has to be known to check its codes, so it is stored as it is, as signing
-- keys are: grant the table to the server's role alone.
create table second_factors (
  ledger text not null,
  id uuid not null,
  user_id uuid not null,
  kind text not null,
  name text not null,
  created_at timestamptz(3) not null default now(),
  -- Its first right code; before, it does not count.
  confirmed_at timestamptz(3),
  last_used_at timestamptz(3),
  -- Of an authenticator app: the secret, and the time step of the newest code that was accepted. Codes up to it are not accepted again.
  secret bytea,
  last_step bigint,
  -- Of a passkey: what its browser has to answer, once; and when it has, the passkey, how it is reached, and how often it says it was used.
  challenge bytea,
  credential_id bytea,
  public_key bytea,
  sign_count bigint,
  transports text[],
  constraint second_factors_pkey primary key (ledger, id),
  constraint second_factors_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade,
  constraint second_factors_kind_known check (kind in ('totp', 'passkey')),
  constraint second_factors_totp_whole check (
    (kind = 'totp') = (secret is not null) and (kind = 'totp') = (last_step is not null)
  ),
  constraint second_factors_passkey_whole check (
    (kind = 'passkey' and confirmed_at is not null) = (credential_id is not null)
      and (credential_id is null) = (public_key is null)
      and (credential_id is null) = (sign_count is null)
      and (credential_id is null) = (transports is null)
  )
);
create index second_factors_user on second_factors (ledger, user_id);
create unique index second_factors_totp on second_factors (ledger, user_id)
  where kind = 'totp' and confirmed_at is not null;
create unique index second_factors_credential on second_factors (ledger, credential_id) where credential_id is not null;
create index second_factors_unconfirmed on second_factors (ledger, created_at) where confirmed_at is null;

-- Codes for users who have lost their second factors, as hashes. One that was used is deleted.
create table recovery_codes (
  ledger text not null,
  user_id uuid not null,
  code_hash bytea not null,
  constraint recovery_codes_pkey primary key (ledger, user_id, code_hash),
  constraint recovery_codes_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade
);

-- Logins with the right password that wait for a second factor, by the hash of what their client holds.
create table login_challenges (
  ledger text not null,
  token_hash bytea not null,
  user_id uuid not null,
  created_at timestamptz(3) not null default now(),
  expires_at timestamptz(3) not null,
  -- What a browser with a passkey has to answer, once.
  passkey_challenge bytea,
  constraint login_challenges_pkey primary key (ledger, token_hash),
  constraint login_challenges_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade
);
create index login_challenges_user on login_challenges (ledger, user_id);
create index login_challenges_expires on login_challenges (ledger, expires_at);

-- Wrong codes in a row, and until when the next one has to wait. Logged, other than attempts: a crash must not give new guesses.
create table wrong_codes (
  ledger text not null,
  user_id uuid not null,
  count int not null,
  wait_until timestamptz not null,
  constraint wrong_codes_pkey primary key (ledger, user_id),
  constraint wrong_codes_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade
);

-- Webhooks -------------------------------------------------------------------------------------------------------------------

-- Counts the changes of a ledger's endpoints, so that who has read them knows that they are the same; it also orders the changes.
create table webhook_versions (
  ledger text not null,
  version bigint not null default 0,
  constraint webhook_versions_pkey primary key (ledger)
);

-- Receivers of events. What signs has to be known, so the secrets are stored as they are: grant the table to the server's role alone.
create table webhook_endpoints (
  ledger text not null,
  id uuid not null,
  url text not null,
  description text,
  -- Null for events of every type.
  event_types text[],
  -- Events about accounts at or below this path; null for all.
  account_path text,
  -- Events whose metadata has these members; null for all.
  metadata jsonb,
  ordered text not null,
  secret bytea not null,
  -- The secret before the last rotation, and until when it signs beside the new one.
  previous_secret bytea,
  previous_until timestamptz(3),
  disabled_at timestamptz(3),
  disabled_reason text,
  created_by text not null,
  created_at timestamptz(3) not null default now(),
  constraint webhook_endpoints_pkey primary key (ledger, id),
  constraint webhook_endpoints_ordered check (ordered in ('account', 'none')),
  constraint webhook_endpoints_disabled_whole check ((disabled_at is null) = (disabled_reason is null)),
  constraint webhook_endpoints_previous_whole check ((previous_secret is null) = (previous_until is null))
);

-- An event as it is sent, once for all endpoints. Its id is made of the event's, so that what is written again is the same row.
create table webhook_messages (
  ledger text not null,
  id uuid not null,
  event_id text not null,
  type text not null,
  body text not null,
  traceparent text,
  created_at timestamptz(3) not null default now(),
  constraint webhook_messages_pkey primary key (ledger, id)
);
create index webhook_messages_created on webhook_messages (ledger, created_at);

create table webhook_deliveries (
  ledger text not null,
  endpoint_id uuid not null,
  message_id uuid not null,
  -- Of the event in the log, and its place among those of one position; 0 for a test.
  position bigint not null,
  place smallint not null,
  -- Addresses of the accounts in whose order it is delivered; null for a delivery without an order.
  account text collate "C",
  other_account text collate "C",
  state text not null default 'pending',
  attempts smallint not null default 0,
  due_at timestamptz not null,
  -- Found behind an earlier delivery of its accounts, and looked at again when that is done.
  waits boolean not null default false,
  created_at timestamptz(3) not null default now(),
  attempted_at timestamptz(3),
  status smallint,
  error text,
  duration_ms integer,
  finished_at timestamptz(3),
  constraint webhook_deliveries_pkey primary key (ledger, endpoint_id, message_id),
  constraint webhook_deliveries_state check (state in ('pending', 'delivered', 'failed')),
  constraint webhook_deliveries_finished_whole check ((finished_at is null) = (state = 'pending')),
  constraint webhook_deliveries_accounts check (account is not null or other_account is null)
);
create index webhook_deliveries_due on webhook_deliveries (ledger, endpoint_id, due_at) where state = 'pending' and not waits;
create index webhook_deliveries_in_order on webhook_deliveries (ledger, endpoint_id, position, place)
  where state = 'pending' and account is not null;
create index webhook_deliveries_account on webhook_deliveries (ledger, endpoint_id, account, position, place)
  where state = 'pending' and account is not null;
create index webhook_deliveries_other_account on webhook_deliveries (ledger, endpoint_id, other_account, position, place)
  where state = 'pending' and other_account is not null;
-- What is sent again is chosen in the order of the log. Of finished ones alone: what is pending is never looked for by it.
create index webhook_deliveries_finished on webhook_deliveries (ledger, endpoint_id, position) where state <> 'pending';
create index webhook_deliveries_created on webhook_deliveries (ledger, endpoint_id, created_at, message_id);
create index webhook_deliveries_age on webhook_deliveries (ledger, created_at);

-- When each endpoint has something to send, and which sender has it in hand. It is changed all the time, and is apart for that.
create table webhook_queues (
  ledger text not null,
  endpoint_id uuid not null,
  -- Null while nothing waits, or while a sender has it.
  due_at timestamptz,
  -- Whatever is due, nothing is sent before: the endpoint refuses everything, or has asked for a pause.
  not_before timestamptz not null default '-infinity',
  holder uuid,
  -- Of the sender's claims, the one that it has the endpoint by: what came of an earlier claim counts no more.
  claim uuid,
  -- Attempts in a row that have failed.
  failures integer not null default 0,
  -- Somebody has ended the pauses since the claim: the attempts of the claim set no new one.
  pause_ended boolean not null default false,
  disabled boolean not null default false,
  constraint webhook_queues_pkey primary key (ledger, endpoint_id),
  constraint webhook_queues_claim_whole check ((holder is null) = (claim is null))
) with (fillfactor = 50);
-- Each row is in one of the two: many that fail are not in the way of the others.
create index webhook_queues_due on webhook_queues (ledger, due_at)
  where holder is null and due_at is not null and not disabled and failures = 0;
create index webhook_queues_failing_due on webhook_queues (ledger, due_at)
  where holder is null and due_at is not null and not disabled and failures > 0;
create index webhook_queues_holder on webhook_queues (ledger, holder) where holder is not null;

-- Processes that send. Each counts its signs of life: what it has in hand is free again when others have seen no new one for a few
-- seconds of theirs, whatever the database's clock says. Unlogged: after a crash of the database everybody counts anew.
create unlogged table webhook_senders (
  ledger text not null,
  id uuid not null,
  beats bigint not null,
  constraint webhook_senders_pkey primary key (ledger, id)
);

-- Notifications --------------------------------------------------------------------------------------------------------------

-- What users are told of. An id is made of its event's and the user's, so that what is written again is the same row.
create table notifications (
  ledger text not null,
  id uuid not null,
  user_id uuid not null,
  type text not null,
  happened_at timestamptz(3) not null,
  created_at timestamptz(3) not null default now(),
  data jsonb not null,
  -- A user may want it by mail alone: then the row only says that it was written.
  in_inbox boolean not null,
  mailed boolean not null,
  read_at timestamptz(3),
  constraint notifications_pkey primary key (ledger, id),
  constraint notifications_user_fkey foreign key (ledger, user_id) references users (ledger, id) on delete cascade
);
create index notifications_inbox on notifications (ledger, user_id, happened_at desc, id desc);
create index notifications_unread on notifications (ledger, user_id, happened_at desc, id desc)
  where in_inbox and read_at is null;
create index notifications_mailed on notifications (ledger, user_id, created_at) where mailed;
create index notifications_age on notifications using brin (created_at);

-- What users chose; what they never chose is not in it, and nor are users who never chose anything.
create table notification_preferences (
  ledger text not null,
  user_id uuid not null,
  language text not null default 'en',
  channels jsonb not null default '{}',
  low_balances jsonb not null default '{}',
  constraint notification_preferences_pkey primary key (ledger, user_id),
  constraint notification_preferences_user_fkey foreign key (ledger, user_id)
    references users (ledger, id) on delete cascade
);

-- Payouts --------------------------------------------------------------------------------------------------------------------

-- Withdrawals that users asked for. The money is in the hold of the same id: a row changes in the database transaction that places,
-- captures or releases it.
create table payouts (
  ledger text not null,
  id uuid not null,
  user_id uuid not null,
  wallet uuid not null,
  amount numeric(38, 0) not null,
  currency text not null,
  -- Where the money goes, in the words of the user. It is personal data, which the journal has none of; null once the account is closed.
  destination jsonb,
  state text not null default 'requested',
  created_at timestamptz(3) not null default now(),
  -- Who makes the payout, and under which key they took it up.
  taken_by text,
  taken_key text,
  taken_at timestamptz(3),
  -- The capture or the release that ended it.
  transfer uuid,
  finished_at timestamptz(3),
  -- What the provider calls the payment.
  reference text,
  -- Why it failed.
  reason text,
  constraint payouts_pkey primary key (ledger, id),
  constraint payouts_user_fkey foreign key (ledger, user_id) references users (ledger, id),
  constraint payouts_state_known check (state in ('requested', 'processing', 'paid', 'failed', 'cancelled')),
  constraint payouts_taken_whole check ((taken_at is null) = (taken_by is null) and (taken_at is null) = (taken_key is null)),
  constraint payouts_taken check (taken_at is not null or state in ('requested', 'failed', 'cancelled')),
  constraint payouts_cancelled_before_taken check (taken_at is null or state not in ('requested', 'cancelled')),
  constraint payouts_finished_whole check (
    (finished_at is null) = (state in ('requested', 'processing')) and (finished_at is null) = (transfer is null)
  ),
  constraint payouts_paid_has_reference check ((state = 'paid') = (reference is not null)),
  constraint payouts_failed_has_reason check ((state = 'failed') = (reason is not null)),
  -- A key names one intention: two payouts are never taken up under one.
  constraint payouts_taken_unique unique (ledger, taken_by, taken_key)
);
create index payouts_user on payouts (ledger, user_id, created_at desc, id desc);
create index payouts_state on payouts (ledger, state, created_at, id);
-- Destinations that are to be erased some time after the end.
create index payouts_destination on payouts (ledger, finished_at) where destination is not null and finished_at is not null;
