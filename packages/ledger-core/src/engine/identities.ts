import { LRUCache } from 'lru-cache';
import type { AccountIdentity } from '../domain/account.js';

/** Undefined for a reference that names no account. */
export type IdentityOf = (reference: string) => AccountIdentity | undefined;

export type FindIdentities = (missing: readonly string[]) => Promise<readonly AccountIdentity[]>;

/** A bounded cache of the immutable part of accounts, by id and by address. */
export interface Identities {
  get(ledger: number, reference: string): AccountIdentity | undefined;
  add(ledger: number, identity: AccountIdentity): void;
  /** Finds all of them, however few it can remember: what is not in memory by one call of `find`. */
  load(ledger: number, references: readonly string[], find: FindIdentities): Promise<IdentityOf>;
  /** The same for a transaction that may still be rolled back: what `find` brings is not remembered. */
  loadUncommitted(ledger: number, references: readonly string[], find: FindIdentities): Promise<IdentityOf>;
}

export function createIdentities(identitiesMax: number): Identities {
  const known = new LRUCache<string, AccountIdentity>({ max: identitiesMax });

  function add(ledger: number, identity: AccountIdentity): void {
    known.set(`${ledger} ${identity.id}`, identity);
    known.set(`${ledger} ${identity.address}`, identity);
  }

  const get = (ledger: number, reference: string) => known.get(`${ledger} ${reference}`);

  async function lookUp(
    ledger: number,
    references: readonly string[],
    find: FindIdentities,
    keep: (identity: AccountIdentity) => void,
  ): Promise<IdentityOf> {
    // Its own map: adding what is missing may push what was known out of memory.
    const found = new Map<string, AccountIdentity>();
    const missing = new Set<string>();
    for (const reference of references) {
      const identity = get(ledger, reference);
      if (identity === undefined) missing.add(reference);
      else found.set(reference, identity);
    }
    if (missing.size > 0) {
      for (const identity of await find([...missing])) {
        keep(identity);
        found.set(identity.id, identity).set(identity.address, identity);
      }
    }
    return (reference) => found.get(reference);
  }

  return {
    add,
    get,
    load: (ledger, references, find) => lookUp(ledger, references, find, (identity) => add(ledger, identity)),
    loadUncommitted: (ledger, references, find) => lookUp(ledger, references, find, () => undefined),
  };
}
