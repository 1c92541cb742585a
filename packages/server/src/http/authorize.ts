import { ProblemError } from '../errors/problem.js';
import { isWithin } from '../identity/networks.js';
import type { Operator, Principal } from '../identity/principal.js';
import type { Scope } from '../identity/scope.js';
import type { Permission } from './endpoint.js';

/** Finds who a request comes from; a promise only when a token has to be verified. */
export type Authenticate = (authorization: string | null) => Principal | Promise<Principal>;

/** @throws {ProblemError} `forbidden` when the route is for others, or the key has not its scope or comes from elsewhere */
export function authorize(principal: Principal, { access, scope }: Permission, clientAddress: string): void {
  if (principal.kind === 'user') {
    if (access === 'operator') throw new ProblemError('forbidden', 'this route is for operators');
    return;
  }
  if (access === 'user') throw forUsers();
  if (scope !== undefined) authorizeKey(principal, scope, clientAddress);
}

/** @throws {ProblemError} `forbidden` */
function authorizeKey({ scopes, networks }: Operator, scope: Scope, clientAddress: string): void {
  if (!scopes.has(scope)) throw new ProblemError('forbidden', `this key lacks the scope "${scope}"`);
  if (networks !== undefined && !isWithin(networks, clientAddress)) {
    throw new ProblemError('forbidden', 'this key may not be used from this network');
  }
}

/** @throws {ProblemError} `forbidden` to operators */
export function requireUser({ kind }: Principal): void {
  if (kind !== 'user') throw forUsers();
}

/** @throws {ProblemError} `forbidden` to users, who may leave this field out */
export function requireOperator({ kind }: Principal, field: string): void {
  if (kind !== 'operator') throw new ProblemError('forbidden', `${field} is for operators`);
}

function forUsers(): ProblemError {
  return new ProblemError('forbidden', 'this route is for users: log in and send an access token');
}
