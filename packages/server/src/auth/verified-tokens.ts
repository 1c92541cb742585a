import type { UserPrincipal } from './principal.js';

interface VerifiedToken {
  readonly principal: UserPrincipal;
  readonly expiresAtMs: number;
}

/**
 * Tokens whose signature was checked, by their text: checking one costs more than the rest of a request, and
 * the same text has the same signature until it expires. Bounded; the token verified first is forgotten first.
 */
export interface VerifiedTokens {
  get(token: string): UserPrincipal | undefined;
  add(token: string, verified: VerifiedToken): void;
}

export function createVerifiedTokens(tokensMax: number): VerifiedTokens {
  const verified = new Map<string, VerifiedToken>();

  return {
    get(token) {
      const known = verified.get(token);
      if (known === undefined) return undefined;
      if (known.expiresAtMs > Date.now()) return known.principal;
      verified.delete(token);
      return undefined;
    },
    add(token, known) {
      if (verified.size >= tokensMax) {
        const [oldest] = verified.keys();
        if (oldest !== undefined) verified.delete(oldest);
      }
      verified.set(token, known);
    },
  };
}
