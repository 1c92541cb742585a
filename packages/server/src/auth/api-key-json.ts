import { z } from '@hono/zod-openapi';
import { EXAMPLE_TIME, IdField, NextCursorField, TimeField } from '../http/fields.js';
import { isoTime } from '../http/iso-time.js';
import { SCOPE_NAMES } from '../identity/scope.js';
import type { ApiKeyRow, IssuedApiKey } from './api-key-store.js';

export const NAME_PATTERN = /^[a-zA-Z0-9_.-]{1,63}$/;
const CIDR_PATTERN = new RegExp(`(?:${z.core.regexes.cidrv4.source})|(?:${z.core.regexes.cidrv6.source})`);

export const ApiKeyNameField = z
  .string()
  .regex(NAME_PATTERN, 'must be a name of 1 to 63 letters, digits, "_", "." and "-"')
  .openapi({ description: 'Unique in the ledger', example: 'payouts' });

export const ScopeField = z.enum(SCOPE_NAMES).openapi('Scope', { example: 'transfers:write' });

export const NetworkField = z
  .string()
  .regex(CIDR_PATTERN, 'must be a CIDR block such as 10.0.0.0/8')
  .openapi({ example: '10.0.0.0/8' });

export const ApiKeySchema = z
  .object({
    id: IdField,
    name: z.string(),
    scopes: z.array(z.string()).openapi({
      description: 'Its permissions. The first key has `operator`, which is every scope',
    }),
    networks: z
      .array(z.string())
      .nullable()
      .openapi({ description: 'CIDR blocks that it may be used from; null for everywhere' }),
    createdBy: z.string().openapi({ description: '`operator:` and the id of the key that made it, `cli` or `server`' }),
    createdAt: TimeField,
    expiresAt: TimeField.nullable().openapi({ description: 'Null for never' }),
    lastUsedAt: TimeField.nullable().openapi({
      description: 'To the minute, refused requests too; null if it was never used',
    }),
    previousUntil: TimeField.nullable().openapi({
      description: 'The time until which the key before the last rotation works; null if it was never rotated',
    }),
    revokedAt: TimeField.nullable().openapi({ description: 'Null unless it was revoked' }),
  })
  .openapi('ApiKey', { description: 'An API key without the key itself, of which only a hash is stored' });

export const ApiKeyPageSchema = z
  .object({ data: z.array(ApiKeySchema), nextCursor: NextCursorField })
  .openapi('ApiKeyPage');

export const IssuedApiKeySchema = z
  .object({
    key: z.string().openapi({ description: 'The bearer token. It is not stored and cannot be shown again' }),
    apiKey: ApiKeySchema,
  })
  .openapi('IssuedApiKey');

export const EXAMPLE_API_KEY: z.input<typeof ApiKeySchema> = {
  id: '0199a1d5-3a79-7d4b-b5e9-6f1a2c4b8d86',
  name: 'payouts',
  scopes: ['transfers:read', 'transfers:write'],
  networks: ['10.0.0.0/8'],
  createdBy: 'operator:0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10',
  createdAt: EXAMPLE_TIME,
  expiresAt: null,
  lastUsedAt: null,
  previousUntil: null,
  revokedAt: null,
};

export const EXAMPLE_ISSUED_API_KEY: z.input<typeof IssuedApiKeySchema> = {
  key: 'mpk_Zk3n0R8m2QpLx5Vt9YcB1dWf7HgJ4sTu6EaKoNiMvXw',
  apiKey: EXAMPLE_API_KEY,
};

export function apiKeyJson(row: ApiKeyRow): z.input<typeof ApiKeySchema> {
  return {
    id: row.id,
    name: row.name,
    scopes: row.scopes,
    networks: row.networks,
    createdBy: row.created_by,
    createdAt: isoTime(row.created_at),
    expiresAt: timeOrNull(row.expires_at),
    lastUsedAt: timeOrNull(row.last_used_at),
    previousUntil: timeOrNull(row.previous_until),
    revokedAt: timeOrNull(row.revoked_at),
  };
}

export function issuedJson({ key, row }: IssuedApiKey): z.input<typeof IssuedApiKeySchema> {
  return { key, apiKey: apiKeyJson(row) };
}

function timeOrNull(instant: Date | null): string | null {
  return instant === null ? null : isoTime(instant);
}
