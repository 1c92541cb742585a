import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.js';
import type { Operator } from '../identity/principal.js';
import { hashSecret, newSecret } from './secret.js';

/** The permissions of an API key; a list, so that narrower keys can be added later. */
const OPERATOR_SCOPE = 'operator';
const OPERATOR_NAME = 'operator';

/** Keys of services and operators. All are in memory: there are few, and a wrong one must not cost a query. */
export interface ApiKeys {
  find(key: string): Operator | undefined;
  /** Learns what changed in the database, within two seconds of it. */
  reload(): Promise<void>;
  /**
   * Makes sure that there is an operator key: `given` replaces the present one, and without it a new one is made
   * only when there is none. Answers the new key; it is not stored and cannot be shown again.
   */
  ensureOperatorKey(given: string | undefined): Promise<string | undefined>;
}

export function createApiKeys(database: Database, ledger: string): ApiKeys {
  let operators: ReadonlyMap<string, Operator> = new Map();

  async function reload(): Promise<void> {
    const rows = await database
      .selectFrom('api_keys')
      .select(['id', 'key_hash', 'scopes'])
      .where('ledger', '=', ledger)
      .where('revoked_at', 'is', null)
      .execute();
    const allowed = rows.filter(({ scopes }) => scopes.includes(OPERATOR_SCOPE));
    operators = new Map(allowed.map(({ id, key_hash }) => [key_hash.toString('hex'), { kind: 'operator', id }]));
  }

  async function ensureOperatorKey(given: string | undefined): Promise<string | undefined> {
    const key = given ?? newSecret('mpk_');
    const row = { id: uuidv7(), ledger, name: OPERATOR_NAME, key_hash: hashSecret(key), scopes: [OPERATOR_SCOPE] };
    const inserted = await database
      .insertInto('api_keys')
      .values(row)
      .onConflict((conflict) =>
        // The row's id stays, as it is the scope of the operator's idempotency keys.
        given === undefined
          ? conflict.columns(['ledger', 'name']).doNothing()
          : conflict.columns(['ledger', 'name']).doUpdateSet({ key_hash: row.key_hash, revoked_at: null }),
      )
      .returning('id')
      .executeTakeFirst();
    await reload();
    return given === undefined && inserted !== undefined ? key : undefined;
  }

  return { find: (key) => operators.get(hashSecret(key).toString('hex')), reload, ensureOperatorKey };
}
