import { ProblemError } from '../errors/problem.js';
import type { Access } from '../http/endpoint.js';
import type { Principal } from '../identity/principal.js';
import type { AccessTokens } from './access-tokens.js';
import type { ApiKeys } from './api-keys.js';
import { REALM } from './token-refused.js';

const BEARER = /^Bearer +(\S+) *$/i;

/** Finds who a request comes from; a promise only when a token has to be verified. */
export type Authenticate = (authorization: string | null) => Principal | Promise<Principal>;

/** Reads the `Authorization` header: an access token of a user or an API key of an operator. */
export function createAuthenticate(accessTokens: AccessTokens, apiKeys: ApiKeys): Authenticate {
  return (authorization) => {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ProblemError('authentication_required', 'send the header "Authorization: Bearer <token>"', {
        headers: { 'www-authenticate': REALM },
      });
    }
    return accessTokens.known(token) ?? apiKeys.find(token) ?? accessTokens.verify(token);
  };
}

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
