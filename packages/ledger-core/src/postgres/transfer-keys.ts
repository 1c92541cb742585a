import { IN_LEDGER_ORDER, ofLedger } from './of-ledger.js';
import { probe } from './probe.js';
import type { Store } from './store.js';

/** Why a key is used up: it is the digest of an idempotency key, or an id that somebody knew before it was posted. */
export type TransferKeyKind = 'idempotency' | 'id';

/**
 * The transfer that has used a key of ledger $1, as a subquery to join. The key names its position, so that where the journal is
 * in parts only one of them is read.
 */
export function transferOfKey({ schema }: Pick<Store, 'schema'>, kind: TransferKeyKind, key: string): string {
  const atPosition = `${ofLedger()} and ${IN_LEDGER_ORDER} and position = k.position`;
  return `lateral (
    select t.* from ${schema}.transfer_keys k cross join ${probe(`${schema}.transfers`, atPosition)} t
    where k.ledger = $1 and k.key = ${key} and k.kind = '${kind}' limit 1)`;
}

/**
 * The transfer with an id in ledger $1, as a subquery to join. Ids that somebody knew before are found by their keys. Any other is
 * in a partition that is not sealed, or in a sealed one that has it between its first and its last id: as ids begin with the
 * time at which they are made, these are one or two.
 */
export function transferOfId({ schema }: Pick<Store, 'schema'>, id: string, condition = 'true'): string {
  const here = `select * from ${schema}.transfers where ledger = $1 and id = ${id}`;
  return `lateral (select * from (
      select t.* from ${transferOfKey({ schema }, 'id', id)} t
      union all
      ${here} and position >= coalesce((select max(ends) from ${schema}.sealed_partitions), 0)
      union all
      select t.* from ${schema}.sealed_partitions s
      cross join lateral (${here} and position >= s.begins and position < s.ends) t
      where ${id} between s.first_id and s.last_id
    ) t where ${condition} limit 1)`;
}

/**
 * Uses up the keys of the rows that `journal` has just written, and the ids among them that `knownIds` names. In the order
 * of the index, so that two batches with the same keys wait for each other and never in a circle.
 */
export function insertKeys(schema: string, knownIds: string): string {
  return `insert into ${schema}.transfer_keys (position, ledger, key, kind)
      select position, $1, key, kind from (
        select position, idempotency_hash as key, 'idempotency'::${schema}.transfer_key_kind as kind
        from journal where idempotency_hash is not null
        union all
        select position, id, 'id' from journal where id = any(${knownIds}::uuid[])
      ) key order by key, kind`;
}
