import { errors, type JWTVerifyResult, jwtVerify, SignJWT } from 'jose';
import { tokenRefused } from '../../errors/token-refused.js';
import type { UserPrincipal } from '../../identity/principal.js';
import type { UserId } from '../../identity/user-id.js';
import type { BearerTokens } from '../authenticate.js';
import type { RevokedSessions } from './revoked-sessions.js';
import type { SigningKeys } from './signing-keys.js';
import { createVerifiedTokens } from './verified-tokens.js';

export const ACCESS_TOKEN_LIFETIME_S = 600;
const ALGORITHM = 'EdDSA';
/** RFC 9068: an access token cannot be mistaken for another kind of JWT. */
const TOKEN_TYPE = 'at+jwt';
const AUDIENCE = 'micropay';
const VERIFIED_TOKENS_MAX = 20_000;

/** Short-lived proofs of who is logged in: JWTs that any process verifies without asking the database. */
export interface AccessTokens extends BearerTokens {
  issue(user: { readonly userId: UserId; readonly sessionId: string }): Promise<string>;
}

interface VerifiedUser {
  readonly principal: UserPrincipal;
  /** Its key: once that is ended, the token is as well. */
  readonly kid: string;
}

export function createAccessTokens(options: {
  readonly signingKeys: SigningKeys;
  readonly revokedSessions: RevokedSessions;
  readonly ledger: string;
  readonly issuer: string;
}): AccessTokens {
  const { signingKeys, revokedSessions, ledger, issuer } = options;
  const verified = createVerifiedTokens<VerifiedUser>(VERIFIED_TOKENS_MAX);

  async function readPayload(token: string): Promise<JWTVerifyResult> {
    try {
      return await jwtVerify(token, findPublicKey, {
        algorithms: [ALGORITHM],
        typ: TOKEN_TYPE,
        issuer,
        audience: AUDIENCE,
        requiredClaims: ['sub', 'sid', 'ledger', 'exp'],
      });
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw tokenExpired(error);
      if (error instanceof errors.JOSEError) throw tokenRefused('token_invalid', 'the token is not valid here', error);
      throw error;
    }
  }

  async function findPublicKey({ kid }: { kid?: string }) {
    const key = kid === undefined ? undefined : await signingKeys.find(kid);
    if (key === undefined) throw new errors.JWKSNoMatchingKey();
    return key.publicKey;
  }

  return {
    async issue({ userId, sessionId }) {
      const { kid, privateKey } = await signingKeys.current();
      return new SignJWT({ ledger, sid: sessionId })
        .setProtectedHeader({ alg: ALGORITHM, typ: TOKEN_TYPE, kid })
        .setSubject(userId)
        .setIssuer(issuer)
        .setAudience(AUDIENCE)
        .setIssuedAt()
        .setExpirationTime(`${ACCESS_TOKEN_LIFETIME_S}s`)
        .sign(privateKey);
    },

    known(token) {
      const found = verified.get(token);
      if (found === undefined) return undefined;
      if (found === 'expired') throw tokenExpired();
      const { principal, kid } = found;
      return revokedSessions.has(principal.sessionId) || !signingKeys.has(kid) ? undefined : principal;
    },

    async verify(token) {
      const { payload, protectedHeader } = await readPayload(token);
      if (payload.ledger !== ledger) throw tokenRefused('token_invalid', 'the token is for another ledger');
      const sessionId = String(payload.sid);
      if (revokedSessions.has(sessionId)) throw tokenRefused('token_invalid', 'the session has ended: log in again');
      const principal: UserPrincipal = { kind: 'user', id: payload.sub as UserId, sessionId };
      const lifetimeMs = Number(payload.exp) * 1_000 - Date.now();
      verified.add(token, { principal: { principal, kid: String(protectedHeader.kid) }, lifetimeMs });
      return principal;
    },
  };
}

function tokenExpired(cause?: unknown) {
  return tokenRefused('token_expired', 'the access token has expired', cause);
}
