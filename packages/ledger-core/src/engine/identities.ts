import { LRUCache } from 'lru-cache';
import type { AccountIdentity } from '../domain/account.js';

/** What never changes of accounts, kept in memory by id and by address; bounded. */
export interface Identities {
  get(ledger: number, reference: string): AccountIdentity | undefined;
  add(ledger: number, identity: AccountIdentity): void;
  /** Looks up what is not in memory; `find` is called at most once. */
  load(
    ledger: number,
    references: readonly string[],
    find: (missing: readonly string[]) => Promise<readonly AccountIdentity[]>,
  ): Promise<void>;
}

export function createIdentities(identitiesMax: number): Identities {
  const known = new LRUCache<string, AccountIdentity>({ max: identitiesMax });

  function add(ledger: number, identity: AccountIdentity): void {
    known.set(`${ledger} ${identity.id}`, identity);
    known.set(`${ledger} ${identity.address}`, identity);
  }

  const get = (ledger: number, reference: string) => known.get(`${ledger} ${reference}`);

  return {
    add,
    get,
    async load(ledger, references, find) {
      const missing = references.filter((reference) => get(ledger, reference) === undefined);
      if (missing.length === 0) return;
      for (const identity of await find([...new Set(missing)])) add(ledger, identity);
    },
  };
}
