import { LRUCache } from 'lru-cache';
import type { UserPrincipal } from '../../identity/principal.js';

interface VerifiedToken<Principal> {
  readonly principal: Principal;
  readonly lifetimeMs: number;
}

/**
 * Tokens whose signature was checked, by their text: checking one costs more than the rest of a request, and
 * the same text has the same signature until it expires. Bounded; the token verified first is forgotten first.
 * A token that has lived to its end stays known as such: when the clock is set back, it must not come back to life.
 */
export interface VerifiedTokens<Principal> {
  get(token: string): Principal | 'expired' | undefined;
  add(token: string, verified: VerifiedToken<Principal>): void;
}

export function createVerifiedTokens<Principal = UserPrincipal>(tokensMax: number): VerifiedTokens<Principal> {
  const verified = new LRUCache<string, { readonly principal: Principal; readonly expiresAtMs: number }>({
    max: tokensMax,
  });

  return {
    get(token) {
      // Looking a token up does not keep it longer: the oldest verification is forgotten first.
      const known = verified.peek(token);
      if (known === undefined) return undefined;
      return performance.now() < known.expiresAtMs ? known.principal : 'expired';
    },
    add(token, { principal, lifetimeMs }) {
      verified.set(token, { principal, expiresAtMs: performance.now() + lifetimeMs });
    },
  };
}
