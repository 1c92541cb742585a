import type { JWK } from 'jose';
import type { ColumnType, Generated } from 'kysely';
import type { UserId } from '../identity/user-id.js';

/** Written once, by the database's clock. */
type CreatedAt = ColumnType<Date, never, never>;

/** Every row belongs to a ledger, by its name, and every statement says of which. */
export interface Tables {
  users: {
    id: UserId;
    ledger: string;
    email: string | null;
    password_hash: string | null;
    display_name: string | null;
    email_verified_at: Generated<Date | null>;
    closed_at: Generated<Date | null>;
    created_at: CreatedAt;
  };
  sessions: {
    ledger: string;
    id: string;
    user_id: UserId;
    created_at: CreatedAt;
    last_used_at: Generated<Date>;
    network: string | null;
    device: string | null;
    revoked_at: Generated<Date | null>;
  };
  refresh_tokens: {
    ledger: string;
    token_hash: Buffer;
    session_id: string;
    parent_hash: Buffer | null;
    created_at: CreatedAt;
    expires_at: Date;
    used_at: Date | null;
  };
  api_keys: {
    id: string;
    ledger: string;
    name: string;
    key_hash: Buffer;
    previous_hash: Generated<Buffer | null>;
    previous_until: Generated<Date | null>;
    scopes: string[];
    networks: string[] | null;
    created_by: string;
    created_at: CreatedAt;
    expires_at: Date | null;
    last_used_at: Generated<Date | null>;
    revoked_at: Generated<Date | null>;
  };
  identities: {
    ledger: string;
    identity_hash: Buffer;
    id: string;
    user_id: UserId;
    created_at: CreatedAt;
  };
  user_roles: {
    ledger: string;
    user_id: UserId;
    role: 'support';
    granted_by: string;
    granted_at: CreatedAt;
  };
  audit_log: {
    ledger: string;
    id: string;
    created_at: CreatedAt;
    principal: string;
    operation: string;
    subject: string | null;
    reason: string | null;
    client_address: string | null;
    request_id: string | null;
    outcome: 'done' | 'refused' | null;
    code: string | null;
  };
  audit_outcomes: {
    ledger: string;
    id: string;
    created_at: CreatedAt;
    outcome: 'done' | 'refused' | 'failed';
    code: string | null;
    result: string | null;
  };
  attempts: {
    ledger: string;
    policy: string;
    name_hash: Buffer;
    full_at: Date;
  };
  signing_keys: {
    ledger: string;
    kid: string;
    state: 'next' | 'active' | 'retired';
    public_jwk: ColumnType<JWK, string, never>;
    private_jwk: ColumnType<JWK, string, never>;
    created_at: CreatedAt;
    activated_at: Date | null;
    retired_at: Generated<Date | null>;
  };
  mails: {
    ledger: string;
    id: string;
    kind: string;
    recipient: string;
    user_id: UserId | null;
    data: ColumnType<Readonly<Record<string, string>>, string, never>;
    created_at: CreatedAt;
    due_at: Generated<Date>;
    attempts: Generated<number>;
    ended: Generated<'failed' | 'refused' | null>;
  };
  link_tokens: {
    ledger: string;
    token_hash: Buffer;
    user_id: UserId;
    purpose: string;
    email: string;
    mail_id: string;
    asked_at: Date;
    expires_at: Date;
  };
  second_factors: {
    ledger: string;
    id: string;
    user_id: UserId;
    kind: 'totp' | 'passkey';
    name: string;
    created_at: CreatedAt;
    confirmed_at: Generated<Date | null>;
    last_used_at: Generated<Date | null>;
    secret: Generated<Buffer | null>;
    last_step: ColumnType<string | null, number | null | undefined, number | null>;
    challenge: Generated<Buffer | null>;
    credential_id: Generated<Buffer | null>;
    public_key: Generated<Buffer | null>;
    sign_count: ColumnType<string | null, number | null | undefined, number | null>;
    transports: Generated<string[] | null>;
  };
  recovery_codes: { ledger: string; user_id: UserId; code_hash: Buffer };
  login_challenges: {
    ledger: string;
    token_hash: Buffer;
    user_id: UserId;
    created_at: CreatedAt;
    expires_at: Date;
    passkey_challenge: Generated<Buffer | null>;
  };
  wrong_codes: { ledger: string; user_id: UserId; count: number; wait_until: Date };
  verifications: {
    ledger: string;
    created_at: CreatedAt;
    holder: string | null;
    leased_until: Date | null;
    finished_at: Date | null;
    duration_seconds: number | null;
    problems_found: ColumnType<string | null, number | null, number | null>;
  };
  notifications: {
    ledger: string;
    id: string;
    user_id: UserId;
    type: string;
    happened_at: Date;
    created_at: CreatedAt;
    data: ColumnType<Readonly<Record<string, string>>, string, never>;
    in_inbox: boolean;
    mailed: boolean;
    read_at: Generated<Date | null>;
  };
  notification_preferences: {
    ledger: string;
    user_id: UserId;
    language: Generated<string>;
    channels: ColumnType<
      Readonly<Record<string, { readonly inbox?: boolean; readonly mail?: boolean }>>,
      string | undefined,
      string
    >;
    low_balances: ColumnType<Readonly<Record<string, string>>, string | undefined, string>;
  };
  payouts: {
    ledger: string;
    id: string;
    user_id: UserId;
    wallet: string;
    amount: ColumnType<string, string, never>;
    currency: string;
    destination: ColumnType<Readonly<Record<string, string>> | null, string, null>;
    state: Generated<'requested' | 'processing' | 'paid' | 'failed' | 'cancelled'>;
    created_at: CreatedAt;
    taken_by: Generated<string | null>;
    taken_key: Generated<string | null>;
    taken_at: Generated<Date | null>;
    transfer: Generated<string | null>;
    finished_at: Generated<Date | null>;
    reference: Generated<string | null>;
    reason: Generated<string | null>;
  };
  webhook_versions: { ledger: string; version: ColumnType<string, string | number, string> };
  webhook_endpoints: {
    ledger: string;
    id: string;
    url: string;
    description: string | null;
    event_types: string[] | null;
    account_path: string | null;
    metadata: ColumnType<Readonly<Record<string, string | number | boolean>> | null, string | null, string | null>;
    ordered: 'account' | 'none';
    secret: Buffer;
    previous_secret: Generated<Buffer | null>;
    previous_until: Generated<Date | null>;
    disabled_at: Generated<Date | null>;
    disabled_reason: Generated<string | null>;
    created_by: string;
    created_at: CreatedAt;
  };
  webhook_messages: {
    ledger: string;
    id: string;
    event_id: string;
    type: string;
    body: string;
    traceparent: string | null;
    created_at: Generated<Date>;
  };
  webhook_deliveries: {
    ledger: string;
    endpoint_id: string;
    message_id: string;
    position: ColumnType<string, string, never>;
    place: number;
    account: string | null;
    other_account: string | null;
    state: Generated<'pending' | 'delivered' | 'failed'>;
    attempts: Generated<number>;
    due_at: Date;
    waits: Generated<boolean>;
    created_at: CreatedAt;
    attempted_at: Generated<Date | null>;
    status: Generated<number | null>;
    error: Generated<string | null>;
    duration_ms: Generated<number | null>;
    finished_at: Generated<Date | null>;
  };
  webhook_queues: {
    ledger: string;
    endpoint_id: string;
    due_at: Date | null;
    not_before: Generated<Date>;
    holder: Generated<string | null>;
    claim: Generated<string | null>;
    failures: Generated<number>;
    pause_ended: Generated<boolean>;
    disabled: Generated<boolean>;
  };
  webhook_senders: { ledger: string; id: string; beats: string };
}
