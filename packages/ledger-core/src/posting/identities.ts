import { LRUCache } from 'lru-cache';
import type { AccountIdentity } from '../domain/accounts/account.js';

/** Undefined for a reference that names no account. */
export type IdentityOf = (reference: string) => AccountIdentity | undefined;

export type FindIdentities = (missing: readonly string[]) => Promise<readonly AccountIdentity[]>;

/** A bounded cache of the immutable part of accounts, by id and by address. */
export interface Identities {
  get(ledger: number, reference: string): AccountIdentity | undefined;
  add(ledger: number, identity: AccountIdentity): void;
  clear(): void;
  /** Finds all of them, however few it can remember: what is not in memory by one call of `find`. */
  load(ledger: number, references: readonly string[], find: FindIdentities): Promise<IdentityOf>;
  /** The same for a transaction that may still be rolled back: what `find` brings is not remembered. */
  loadUncommitted(ledger: number, references: readonly string[], find: FindIdentities): Promise<IdentityOf>;
}

export function createIdentities(identitiesMax: number): Identities {
  // By id alone, because a text as it was received keeps its hash; an id is unique across ledgers, an address is not.
  const known = new LRUCache<string, { readonly ledger: number; readonly identity: AccountIdentity }>({
    max: identitiesMax,
  });
  const ofAddress = (ledger: number, address: string) => `${ledger} ${address}`;

  function add(ledger: number, identity: AccountIdentity): void {
    const entry = { ledger, identity };
    known.set(identity.id, entry);
    known.set(ofAddress(ledger, identity.address), entry);
  }

  function get(ledger: number, reference: string): AccountIdentity | undefined {
    const entry = known.get(reference) ?? known.get(ofAddress(ledger, reference));
    return entry?.ledger === ledger ? entry.identity : undefined;
  }

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
    clear: () => known.clear(),
    load: (ledger, references, find) => lookUp(ledger, references, find, (identity) => add(ledger, identity)),
    loadUncommitted: (ledger, references, find) => lookUp(ledger, references, find, () => undefined),
  };
}
