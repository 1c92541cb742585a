import { z } from '@hono/zod-openapi';
import { ProblemError } from '../../errors/problem.js';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, InstantField, isId, OverlapSecondsField, PageQuery, ReasonField } from '../../http/fields.js';
import { cursorTo, keyIn, pageOf } from '../../http/page.js';
import { type LedgerServices, route } from '../../http/route.js';
import type { Operator } from '../../identity/principal.js';
import { EVERY_SCOPE, SCOPE_NAMES, type Scope } from '../../identity/scope.js';
import {
  ApiKeyNameField,
  ApiKeyPageSchema,
  ApiKeySchema,
  apiKeyJson,
  EXAMPLE_API_KEY,
  EXAMPLE_ISSUED_API_KEY,
  IssuedApiKeySchema,
  issuedJson,
  NetworkField,
  ScopeField,
} from '../api-key-json.js';
import { type ApiKeyRow, type ApiKeyStore, apiKeyMissing } from '../api-key-store.js';
import type { ApiKeys } from '../api-keys.js';

export interface ApiKeyServices extends LedgerServices {
  readonly apiKeys: ApiKeys;
  readonly apiKeyStore: ApiKeyStore;
}

const PAGE_LIMIT = 50;
const LISTED_MAX = 20;

const CreateApiKeySchema = z
  .strictObject({
    name: ApiKeyNameField,
    scopes: z.array(ScopeField).min(1).max(LISTED_MAX),
    networks: z
      .array(NetworkField)
      .min(1)
      .max(LISTED_MAX)
      .optional()
      .openapi({ description: 'CIDR blocks that the key may be used from. Default: everywhere' }),
    expiresAt: InstantField.optional().openapi({ description: 'Default: never' }),
    reason: ReasonField.optional(),
  })
  .openapi('CreateApiKey');

const RotateApiKeySchema = z
  .strictObject({
    overlapSeconds: OverlapSecondsField.openapi({
      description: 'For how long the old key works beside the new one. Default: 0',
    }),
    reason: ReasonField.optional(),
  })
  .openapi('RotateApiKey');

const RevokeApiKeySchema = z.strictObject({ reason: ReasonField.optional() }).openapi('RevokeApiKey');

const listApiKeysEndpoint = {
  operationId: 'listApiKeys',
  method: 'get',
  path: '/v1/api-keys',
  tag: 'API keys',
  summary: 'List API keys by name',
  access: 'operator',
  scope: 'keys:read',
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of API keys, revoked and expired ones too',
    content: { schema: ApiKeyPageSchema, example: { data: [EXAMPLE_API_KEY], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const createApiKeyEndpoint = {
  operationId: 'createApiKey',
  method: 'post',
  path: '/v1/api-keys',
  tag: 'API keys',
  summary: 'Make an API key',
  description:
    'A key makes only keys that reach no further than itself: no other scope or network, and no longer. Other servers accept the new key within three seconds.',
  access: 'operator',
  scope: 'keys:write',
  recordsAct: true,
  body: {
    schema: CreateApiKeySchema,
    example: { name: 'payouts', scopes: ['transfers:read', 'transfers:write'], networks: ['10.0.0.0/8'] },
  },
  answer: {
    status: 201,
    description: 'The key, which cannot be shown again',
    content: { schema: IssuedApiKeySchema, example: EXAMPLE_ISSUED_API_KEY },
  },
  refusals: ['api_key_exists', 'expiry_in_past'],
} as const satisfies Endpoint;

const rotateApiKeyEndpoint = {
  operationId: 'rotateApiKey',
  method: 'post',
  path: '/v1/api-keys/{id}/rotate',
  tag: 'API keys',
  summary: 'Replace the secret of an API key',
  description:
    'Its id, name and scopes stay, and so do its idempotency keys. Only for keys that reach no further than your own.',
  access: 'operator',
  scope: 'keys:write',
  recordsAct: true,
  params: IdParams,
  body: { schema: RotateApiKeySchema, example: { overlapSeconds: 3_600 }, optional: true },
  answer: {
    status: 200,
    description: 'The new key, which cannot be shown again',
    content: { schema: IssuedApiKeySchema, example: EXAMPLE_ISSUED_API_KEY },
  },
  refusals: ['api_key_not_found'],
} as const satisfies Endpoint;

const revokeApiKeyEndpoint = {
  operationId: 'revokeApiKey',
  method: 'post',
  path: '/v1/api-keys/{id}/revoke',
  tag: 'API keys',
  summary: 'Revoke an API key permanently',
  description:
    'It ends within three seconds on every server, and so do its live streams. Only for keys that reach no further than your own.',
  access: 'operator',
  scope: 'keys:write',
  recordsAct: true,
  params: IdParams,
  body: { schema: RevokeApiKeySchema, example: { reason: 'Ticket 1042' }, optional: true },
  answer: { status: 200, description: 'The key, revoked', content: { schema: ApiKeySchema, example: EXAMPLE_API_KEY } },
  refusals: ['api_key_not_found'],
} as const satisfies Endpoint;

const isName = (text: string) => ApiKeyNameField.safeParse(text).success;

export const listApiKeysRoute = route(
  listApiKeysEndpoint,
  ({ apiKeyStore, ledger }: ApiKeyServices) =>
    async ({ query: { limit = PAGE_LIMIT, cursor } }) => {
      const after = cursor === undefined ? '' : keyIn(ledger.name, cursor, isName);
      const rows = await apiKeyStore.list({ after, limit: limit + 1 });
      const { data, nextCursor } = pageOf(rows, limit, ({ name }) => cursorTo(ledger.name, name));
      return { body: { data: data.map(apiKeyJson), nextCursor } };
    },
);

export const createApiKeyRoute = route(
  createApiKeyEndpoint,
  ({ apiKeys, apiKeyStore }: ApiKeyServices) =>
    async ({ principal, body, act }) => {
      await requireWithin(apiKeyStore, principal, body);
      const { name, scopes, networks, expiresAt } = body;
      const issued = await apiKeyStore.create(
        { name, scopes, networks, expiresAt, createdBy: `operator:${principal.id}` },
        act,
      );
      await apiKeys.reload();
      return { body: issuedJson(issued) };
    },
);

export const rotateApiKeyRoute = route(
  rotateApiKeyEndpoint,
  ({ apiKeys, apiKeyStore }: ApiKeyServices) =>
    async ({ principal, params, body: { overlapSeconds = 0 }, act }) => {
      const { id } = await keyToChange(apiKeyStore, principal, params.id);
      const issued = await apiKeyStore.rotate(id, overlapSeconds, act);
      await apiKeys.reload();
      return { body: issuedJson(issued) };
    },
);

export const revokeApiKeyRoute = route(
  revokeApiKeyEndpoint,
  ({ apiKeys, apiKeyStore }: ApiKeyServices) =>
    async ({ principal, params, act }) => {
      const { id } = await keyToChange(apiKeyStore, principal, params.id);
      const row = await apiKeyStore.revoke(id, act);
      await apiKeys.reload();
      return { body: apiKeyJson(row) };
    },
);

/** The new secret of a key has its scopes, so a weaker key must not rotate it. */
async function keyToChange(store: ApiKeyStore, principal: Operator, id: string): Promise<ApiKeyRow> {
  if (!isId(id)) throw apiKeyMissing();
  const row = await store.get(id);
  const scopes = row.scopes.includes(EVERY_SCOPE) ? SCOPE_NAMES : (row.scopes as Scope[]);
  await requireWithin(store, principal, { scopes, networks: row.networks, expiresAt: row.expires_at });
  return row;
}

interface Reach {
  readonly scopes: readonly Scope[];
  readonly networks?: readonly string[] | null | undefined;
  readonly expiresAt?: Date | null | undefined;
}

/**
 * A key reaches no further than the one that makes or changes it: no other scope or network, and no longer.
 *
 * @throws {ProblemError} `forbidden`
 */
async function requireWithin(
  store: ApiKeyStore,
  principal: Operator,
  { scopes, networks, expiresAt }: Reach,
): Promise<void> {
  requireScopes(principal, scopes);
  const own = await store.get(principal.id);
  const isElsewhere = networks?.some((network) => !own.networks?.includes(network)) ?? true;
  if (own.networks !== null && isElsewhere) {
    throw new ProblemError('forbidden', `this key is for ${own.networks.join(', ')}: name no other networks`);
  }
  if (own.expires_at !== null && !(expiresAt && expiresAt <= own.expires_at)) {
    throw new ProblemError('forbidden', `this key ends at ${own.expires_at.toISOString()}: no other may end later`);
  }
}

/** @throws {ProblemError} `forbidden` */
function requireScopes({ scopes }: Operator, needed: readonly Scope[]): void {
  const missing = needed.filter((scope) => !scopes.has(scope));
  if (missing.length > 0)
    throw new ProblemError('forbidden', `this key lacks the scope "${missing.join('", "')}" itself`);
}
