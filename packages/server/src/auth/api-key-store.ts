import { type Selectable, sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { recordAct } from '../audit/record-act.js';
import type { Database } from '../database/connect.js';
import type { Tables } from '../database/tables.js';
import { ProblemError } from '../errors/problem.js';
import { isId } from '../http/fields.js';
import type { Act } from '../identity/act.js';
import { hashSecret, newSecret } from './secret.js';

export const API_KEY_PREFIX = 'mpk_';

/** An API key as it is listed: everything but the key itself. */
export type ApiKeyRow = Omit<Selectable<Tables['api_keys']>, 'ledger' | 'key_hash' | 'previous_hash'>;

const COLUMNS = [
  'id',
  'name',
  'scopes',
  'networks',
  'created_by',
  'created_at',
  'expires_at',
  'last_used_at',
  'previous_until',
  'revoked_at',
] as const satisfies readonly (keyof ApiKeyRow)[];

export interface NewApiKey {
  readonly name: string;
  readonly scopes: readonly string[];
  /** CIDR blocks; undefined for every network. */
  readonly networks?: readonly string[] | undefined;
  readonly expiresAt?: Date | undefined;
  readonly createdBy: string;
}

/** The key, which is shown once, and its row. */
export interface IssuedApiKey {
  readonly key: string;
  readonly row: ApiKeyRow;
}

/**
 * The API keys of a ledger in the database. A name stays taken when its key is revoked. Each change is recorded as the act that is
 * given, with the key's id for its subject.
 */
export interface ApiKeyStore {
  /** In the order of their names. */
  list(page: { readonly after: string; readonly limit: number }): Promise<readonly ApiKeyRow[]>;
  /** By id or name. @throws {ProblemError} `api_key_not_found` */
  get(reference: string): Promise<ApiKeyRow>;
  /** @throws {ProblemError} `api_key_exists`, `expiry_in_past` */
  create(request: NewApiKey, act: Act): Promise<IssuedApiKey>;
  /** Makes a new secret for a key; the old one works for `overlapSeconds` more. @throws {ProblemError} `api_key_not_found` */
  rotate(id: string, overlapSeconds: number, act: Act): Promise<IssuedApiKey>;
  /** May be called again. @throws {ProblemError} `api_key_not_found` */
  revoke(id: string, act: Act): Promise<ApiKeyRow>;
}

export function createApiKeyStore(database: Database, ledger: string): ApiKeyStore {
  const keys = () => database.selectFrom('api_keys').select(COLUMNS).where('ledger', '=', ledger);
  const change = (transaction: Database, id: string) =>
    transaction.updateTable('api_keys').where('ledger', '=', ledger).where('id', '=', id).returning(COLUMNS);

  /** Changes a key and records the act, both or neither. */
  function changeRecorded(
    act: Act,
    work: (transaction: Database) => Promise<ApiKeyRow | undefined>,
    missing: () => ProblemError = apiKeyMissing,
  ): Promise<ApiKeyRow> {
    return database.transaction().execute(async (transaction) => {
      const row = await work(transaction);
      if (row === undefined) throw missing();
      await recordAct(transaction, ledger, { ...act, subject: row.id });
      return row;
    });
  }

  return {
    list: ({ after, limit }) => keys().where('name', '>', after).orderBy('name').limit(limit).execute(),
    async get(reference) {
      const row = await keys()
        .where(isId(reference) ? 'id' : 'name', '=', reference)
        .executeTakeFirst();
      if (row === undefined) throw apiKeyMissing();
      return row;
    },
    async create({ name, scopes, networks, expiresAt, createdBy }, act) {
      const key = newSecret(API_KEY_PREFIX);
      if (expiresAt !== undefined) await requireInFuture(database, expiresAt);
      const values = {
        id: uuidv7(),
        ledger,
        name,
        key_hash: hashSecret(key),
        scopes: [...new Set(scopes)].sort(),
        networks: networks === undefined ? null : [...networks],
        created_by: createdBy,
        expires_at: expiresAt ?? null,
      };
      const insert = (transaction: Database) =>
        transaction
          .insertInto('api_keys')
          .values(values)
          .onConflict((conflict) => conflict.columns(['ledger', 'name']).doNothing())
          .returning(COLUMNS)
          .executeTakeFirst();
      return { key, row: await changeRecorded(act, insert, () => nameTaken(name)) };
    },
    async rotate(id, overlapSeconds, act) {
      const key = newSecret(API_KEY_PREFIX);
      const row = await changeRecorded(act, (transaction) =>
        change(transaction, id)
          .set({ ...previousFor(overlapSeconds), key_hash: hashSecret(key) })
          .where('revoked_at', 'is', null)
          .where(sql<boolean>`coalesce(expires_at > now(), true)`)
          .executeTakeFirst(),
      );
      return { key, row };
    },
    revoke: (id, act) =>
      changeRecorded(act, (transaction) =>
        change(transaction, id).set({ revoked_at: sql`coalesce(revoked_at, now())` }).executeTakeFirst(),
      ),
  };
}

/** Without an overlap nothing of the old secret is kept: with an end of now, it would work again when the clock is set back. */
function previousFor(overlapSeconds: number) {
  if (overlapSeconds === 0) return { previous_hash: null, previous_until: null };
  return {
    // Repeated because its answer was lost, a rotation must not end the secret that is in use.
    previous_hash: sql<Buffer>`case when previous_until > now() then previous_hash else key_hash end`,
    previous_until: sql<Date>`now() + make_interval(secs => ${overlapSeconds})`,
  };
}

async function requireInFuture(database: Database, expiresAt: Date): Promise<void> {
  const { rows } = await sql<{ future: boolean }>`select ${expiresAt}::timestamptz > now() as future`.execute(database);
  if (rows[0]?.future !== true) throw new ProblemError('expiry_in_past', 'expiresAt: must be in the future');
}

function nameTaken(name: string): ProblemError {
  return new ProblemError('api_key_exists', `there is an API key called "${name}", or there was: choose another name`);
}

export function apiKeyMissing(): ProblemError {
  return new ProblemError('api_key_not_found', 'no API key has this id, or it has ended');
}
