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
    email: string;
    password_hash: string;
    display_name: string | null;
    email_verified_at: Generated<Date | null>;
    created_at: CreatedAt;
  };
  sessions: {
    ledger: string;
    id: string;
    user_id: UserId;
    created_at: CreatedAt;
    revoked_at: Date | null;
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
    public_jwk: ColumnType<JWK, string, never>;
    private_jwk: ColumnType<JWK, string, never>;
    created_at: Generated<Date>;
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
  verifications: {
    ledger: string;
    created_at: CreatedAt;
    holder: string | null;
    leased_until: Date | null;
    finished_at: Date | null;
    duration_seconds: number | null;
    problems_found: ColumnType<string | null, number | null, number | null>;
  };
}
