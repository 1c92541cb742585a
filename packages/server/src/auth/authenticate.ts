import { ProblemError } from '../errors/problem.js';
import type { Authenticate } from '../http/authorize.js';
import type { Principal } from '../identity/principal.js';
import type { SupportUsers } from '../roles/support-users.js';
import type { ApiKeys } from './api-keys.js';
import type { AccessTokens } from './tokens/access-tokens.js';
import { REALM } from './tokens/token-refused.js';

const BEARER = /^Bearer +(\S+) *$/i;

/** Reads the `Authorization` header: an access token of a user or an API key of an operator. */
export function createAuthenticate({
  accessTokens,
  apiKeys,
  supportUsers,
}: {
  readonly accessTokens: AccessTokens;
  readonly apiKeys: ApiKeys;
  readonly supportUsers: SupportUsers;
}): Authenticate {
  /** The role is looked up for each request, so that it ends with its revocation and not with a token. */
  function withRole(principal: Principal): Principal {
    if (principal.kind === 'operator' || !supportUsers.has(principal.id)) return principal;
    return { ...principal, role: 'support' };
  }

  return (authorization) => {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ProblemError('authentication_required', 'send the header "Authorization: Bearer <token>"', {
        headers: { 'www-authenticate': REALM },
      });
    }
    const known = accessTokens.known(token) ?? apiKeys.find(token);
    return known === undefined ? accessTokens.verify(token).then(withRole) : withRole(known);
  };
}
