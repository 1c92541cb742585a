import { ProblemError } from '../errors/problem.js';
import { REALM } from '../errors/token-refused.js';
import type { Authenticate } from '../http/authorize.js';
import type { Principal, UserPrincipal } from '../identity/principal.js';
import type { SupportUsers } from '../roles/support-users.js';
import type { ApiKeys } from './api-keys.js';

const BEARER = /^Bearer +(\S+) *$/i;

/** Tokens that say who is signed in. */
export interface BearerTokens {
  /**
   * The user of a token that was verified before and still counts.
   *
   * @throws {ProblemError} `token_expired`
   */
  known(token: string): UserPrincipal | undefined;
  /** @throws {ProblemError} `token_invalid`, `token_expired` */
  verify(token: string): Promise<UserPrincipal>;
}

/** The tokens of this server, those of another issuer, or both. */
export interface TokenIssuers {
  /** Undefined if the other issuer alone signs users in. */
  readonly accessTokens: BearerTokens | undefined;
  readonly issuerTokens: (BearerTokens & { isOf(token: string): boolean }) | undefined;
}

/** Reads the `Authorization` header: an access token of a user or an API key of an operator. */
export function createAuthenticate({
  accessTokens,
  issuerTokens,
  apiKeys,
  supportUsers,
}: TokenIssuers & {
  readonly apiKeys: ApiKeys;
  readonly supportUsers: SupportUsers;
}): Authenticate {
  /** The role is looked up for each request, so that it ends with its revocation and not with a token. */
  function withRole(principal: Principal): Principal {
    if (principal.kind === 'operator' || !supportUsers.has(principal.id)) return principal;
    return { ...principal, role: 'support' };
  }

  /** A token is verified by the one issuer that it names. */
  function verify(token: string): Promise<UserPrincipal> {
    const isOfOther = accessTokens === undefined || issuerTokens?.isOf(token) === true;
    const tokens = isOfOther ? issuerTokens : accessTokens;
    if (tokens === undefined) throw new Error('there is no issuer of tokens');
    return tokens.verify(token);
  }

  return (authorization) => {
    const token = BEARER.exec(authorization ?? '')?.[1];
    if (token === undefined) {
      throw new ProblemError('authentication_required', 'send the header "Authorization: Bearer <token>"', {
        headers: { 'www-authenticate': REALM },
      });
    }
    const known = accessTokens?.known(token) ?? apiKeys.find(token) ?? issuerTokens?.known(token);
    return known === undefined ? verify(token).then(withRole) : withRole(known);
  };
}
