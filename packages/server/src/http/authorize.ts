import { ProblemError } from '../errors/problem.js';
import type { Principal } from '../identity/principal.js';
import type { Access } from './endpoint.js';

/** Finds who a request comes from; a promise only when a token has to be verified. */
export type Authenticate = (authorization: string | null) => Principal | Promise<Principal>;

/** @throws {ProblemError} `forbidden` when the route is for others */
export function authorize(principal: Principal, access: Access): void {
  if (access === 'either' || access === 'anyone' || principal.kind === access) return;
  throw new ProblemError(
    'forbidden',
    access === 'operator' ? 'this route is for operators' : 'this route is for users: log in and send an access token',
  );
}

/** @throws {ProblemError} `forbidden` to users, who may leave this field out */
export function requireOperator({ kind }: Principal, field: string): void {
  if (kind !== 'operator') throw new ProblemError('forbidden', `${field} is for operators`);
}
