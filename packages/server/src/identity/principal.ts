import type { BlockList } from 'node:net';
import type { Scope } from './scope.js';
import type { UserId } from './user-id.js';

export interface UserPrincipal {
  readonly kind: 'user';
  readonly id: UserId;
  readonly sessionId: string;
  /** Support reads all of the ledger, and freezes. It is there on the routes that support's power opens, and on no other. */
  readonly role?: 'support';
}

export interface Operator {
  readonly kind: 'operator';
  /** The API key's id, which stays when the key itself is replaced. */
  readonly id: string;
  readonly scopes: ReadonlySet<Scope>;
  /** The networks that the key may be used from; undefined for all. */
  readonly networks: BlockList | undefined;
  /** Whether the key ends by itself at some time. */
  readonly expires: boolean;
}

/** Whether a principal may see what belongs to others. */
export function seesAll(principal: Principal): boolean {
  return principal.kind === 'operator' || principal.role === 'support';
}

/** The caller of a request. `id` is also the scope of its idempotency keys. */
export type Principal = UserPrincipal | Operator;
