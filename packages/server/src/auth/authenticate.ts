import { ProblemError } from '../errors/problem.js';
import type { Authenticate } from '../http/authorize.js';
import type { ApiKeys } from './api-keys.js';
import type { AccessTokens } from './tokens/access-tokens.js';
import { REALM } from './tokens/token-refused.js';

const BEARER = /^Bearer +(\S+) *$/i;

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
