import { sql } from 'kysely';
import { v7 as uuidv7 } from 'uuid';
import { recordAct } from '../audit/record-act.js';
import type { Database } from '../database/connect.js';
import type { Act } from '../identity/act.js';
import { networksOf } from '../identity/networks.js';
import type { Operator } from '../identity/principal.js';
import { EVERY_SCOPE, SCOPE_NAMES, type Scope } from '../identity/scope.js';
import { API_KEY_PREFIX, type ApiKeyRow } from './api-key-store.js';
import { hashSecret, newSecret } from './secret.js';

const OPERATOR_NAME = 'operator';

/** Keys of services and operators. All are in memory: there are few, and a wrong one must not cost a query. */
export interface ApiKeys {
  find(key: string): Operator | undefined;
  /** Learns what changed in the database, within two seconds of it. */
  reload(): Promise<void>;
  /** Stores when the keys that were used here were last used, to the minute. */
  storeUse(): Promise<void>;
  /**
   * Makes sure that there is an operator key: `given` replaces the present one, and without it a new one is made
   * only when there is none. Answers the new key; it is not stored and cannot be shown again.
   */
  ensureOperatorKey(given: string | undefined): Promise<string | undefined>;
}

export function createApiKeys(database: Database, ledger: string): ApiKeys {
  let operators: ReadonlyMap<string, Operator> = new Map();
  let used = new Set<string>();

  async function reload(): Promise<void> {
    // The database's clock says what has expired: that of a process may be wrong.
    const rows = await database
      .selectFrom('api_keys')
      .select(['id', 'key_hash', 'scopes', 'networks', 'expires_at'])
      .select(sql<Buffer | null>`case when previous_until > now() then previous_hash end`.as('previous_hash'))
      .where('ledger', '=', ledger)
      .where('revoked_at', 'is', null)
      .where(sql<boolean>`coalesce(expires_at > now(), true)`)
      .execute();
    const found = new Map<string, Operator>();
    for (const { key_hash, previous_hash, ...row } of rows) {
      const operator = operatorOf(row);
      found.set(key_hash.toString('hex'), operator);
      if (previous_hash !== null) found.set(previous_hash.toString('hex'), operator);
    }
    operators = found;
  }

  async function ensureOperatorKey(given: string | undefined): Promise<string | undefined> {
    const key = given ?? newSecret(API_KEY_PREFIX);
    const row = {
      id: uuidv7(),
      ledger,
      name: OPERATOR_NAME,
      key_hash: hashSecret(key),
      scopes: [EVERY_SCOPE],
      networks: null,
      created_by: 'server',
      expires_at: null,
    };
    const stored = await database.transaction().execute(async (transaction) => {
      const changed = await transaction
        .insertInto('api_keys')
        .values(row)
        .onConflict((conflict) =>
          // The row's id stays, as it is the scope of the operator's idempotency keys.
          given === undefined
            ? conflict.columns(['ledger', 'name']).doNothing()
            : conflict
                .columns(['ledger', 'name'])
                .doUpdateSet({ key_hash: row.key_hash, previous_hash: null, previous_until: null })
                // A key that was revoked because it leaked must not come back with a restart.
                .where('api_keys.revoked_at', 'is', null)
                .where('api_keys.key_hash', '!=', row.key_hash),
        )
        .returning('id')
        .executeTakeFirst();
      if (changed !== undefined) await recordAct(transaction, ledger, keySet(changed.id, changed.id === row.id));
      return changed;
    });
    await reload();
    return given === undefined && stored !== undefined ? key : undefined;
  }

  return {
    find(key) {
      const operator = operators.get(hashSecret(key).toString('hex'));
      if (operator !== undefined) used.add(operator.id);
      return operator;
    },
    reload,
    async storeUse() {
      if (used.size === 0) return;
      const ids = [...used];
      used = new Set();
      const store = database
        .updateTable('api_keys')
        .set({ last_used_at: sql`now()` })
        .where('ledger', '=', ledger)
        .where('id', 'in', ids);
      await store.execute().catch((error: unknown) => {
        for (const id of ids) used.add(id);
        throw error;
      });
    },
    ensureOperatorKey,
  };
}

/** The act of a server that has set its own operator's key at its start. */
function keySet(id: string, isNew: boolean): Act {
  return {
    principal: 'server',
    operation: isNew ? 'createApiKey' : 'rotateApiKey',
    subject: id,
    reason: 'operator key of the settings',
    clientAddress: undefined,
    requestId: undefined,
  };
}

function operatorOf({
  id,
  scopes,
  networks,
  expires_at,
}: Pick<ApiKeyRow, 'id' | 'scopes' | 'networks' | 'expires_at'>): Operator {
  const granted = scopes.includes(EVERY_SCOPE) ? SCOPE_NAMES : SCOPE_NAMES.filter((scope) => scopes.includes(scope));
  return {
    kind: 'operator',
    id,
    scopes: new Set<Scope>(granted),
    networks: networks === null ? undefined : networksOf(networks),
    expires: expires_at !== null,
  };
}
