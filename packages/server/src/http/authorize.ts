import { ProblemError } from '../errors/problem.js';
import { isWithin } from '../identity/networks.js';
import type { Operator, Principal, UserPrincipal } from '../identity/principal.js';
import { type Scope, SUPPORT_SCOPES } from '../identity/scope.js';
import type { Permission } from './endpoint.js';

/** Finds who a request comes from; a promise only when a token has to be verified. */
export type Authenticate = (authorization: string | undefined) => Principal | Promise<Principal>;

/**
 * Returns the principal as the route's handler gets it: support without its role, unless the route is open to support.
 *
 * @throws {ProblemError} `forbidden` when the route is for others, or the key has not its scope or comes from elsewhere
 */
export function authorize(principal: Principal, permission: Permission, clientAddress: string): Principal {
  if (principal.kind === 'user') return authorizeUser(principal, permission);
  const { access, scope } = permission;
  if (access === 'user') throw forUsers();
  if (scope !== undefined) authorizeKey(principal, scope, clientAddress);
  return principal;
}

/** @throws {ProblemError} `forbidden` */
function authorizeUser(principal: UserPrincipal, { access, scope }: Permission): UserPrincipal {
  if (access === 'operator') throw new ProblemError('forbidden', 'this route is for operators');
  if (principal.role === undefined) {
    if (access === 'staff') throw new ProblemError('forbidden', 'this route is for operators and support');
    return principal;
  }
  if (scope !== undefined && SUPPORT_SCOPES.has(scope)) return principal;
  if (access === 'staff') throw new ProblemError('forbidden', 'this route is for operators');
  const { role: _role, ...user } = principal;
  return user;
}

/** @throws {ProblemError} `forbidden` */
function authorizeKey({ scopes, networks }: Operator, scope: Scope, clientAddress: string): void {
  if (!scopes.has(scope)) throw new ProblemError('forbidden', `this key lacks the scope "${scope}"`);
  if (networks !== undefined && !isWithin(networks, clientAddress)) {
    throw new ProblemError('forbidden', 'this key may not be used from this network');
  }
}

/** @throws {ProblemError} `forbidden` to users, who may leave this field out */
export function requireOperator({ kind }: Principal, field: string): void {
  if (kind !== 'operator') throw new ProblemError('forbidden', `${field} is for operators`);
}

function forUsers(): ProblemError {
  return new ProblemError('forbidden', 'this route is for users: log in and send an access token');
}
