import { hash } from 'node:crypto';
import type { Ledger } from '@micropay/ledger-core';
import { decodeJwt, errors, type JWTPayload, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { BearerTokens } from '../auth/authenticate.js';
import { createVerifiedTokens } from '../auth/tokens/verified-tokens.js';
import type { Database } from '../database/connect.js';
import { tokenRefused } from '../errors/token-refused.js';
import type { UserPrincipal } from '../identity/principal.js';
import { type IssuerUser, isForLedger, readClaims } from './claims.js';
import { type Identity, identityHash, signInIdentity } from './identities.js';
import type { IssuerKeys } from './issuer-keys.js';
import type { OidcSettings } from './oidc-settings.js';

/** Only such that verify with a public key: with a shared secret, whoever has the public key could sign. */
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
const CLOCK_TOLERANCE_S = 5;
const VERIFIED_MAX = 20_000;
const IDENTITIES_MAX = 20_000;
/** For how long a user is not looked up again: within this time a closed one is refused on every server. */
const IDENTITY_KEPT_MS = 3_000;

interface VerifiedUser {
  readonly user: IssuerUser;
  readonly kid: string | undefined;
}

/** Access tokens of another issuer, each of which signs its user in. */
export interface IssuerTokens extends BearerTokens {
  /** Whether a token says that it is of the issuer. */
  isOf(token: string): boolean;
}

export function createIssuerTokens({
  settings,
  keys,
  ledger,
  database,
}: {
  readonly settings: OidcSettings;
  readonly keys: IssuerKeys;
  readonly ledger: Ledger;
  readonly database: Database;
}): IssuerTokens {
  const { issuer, audience, tokenType } = settings;
  const verified = createVerifiedTokens<VerifiedUser>(VERIFIED_MAX);
  const identities = new LRUCache<string, Identity>({ max: IDENTITIES_MAX, ttl: IDENTITY_KEPT_MS, perf: performance });

  /** Look-ups under way: requests and streams of one user share them. */
  const signingIn = new Map<string, Promise<Identity | undefined>>();

  function signIn({ subject, email }: IssuerUser): Promise<Identity | undefined> {
    const underWay = signingIn.get(subject);
    if (underWay !== undefined) return underWay;
    const nameHash = identityHash(issuer, subject);
    const found = signInIdentity({ database, ledger }, { nameHash, email })
      .then((identity) => {
        if (identity !== undefined) identities.set(subject, identity);
        return identity;
      })
      .finally(() => signingIn.delete(subject));
    signingIn.set(subject, found);
    return found;
  }

  async function readPayload(token: string) {
    try {
      return await jwtVerify(token, keys.find, {
        algorithms: ALGORITHMS,
        issuer,
        audience,
        typ: tokenType,
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp'],
      });
    } catch (error) {
      if (error instanceof errors.JWTExpired) throw expired(error);
      if (error instanceof errors.JOSEError) throw tokenRefused('token_invalid', 'the token is not valid here', error);
      throw error;
    }
  }

  async function verifySignature(token: string): Promise<VerifiedUser> {
    const { payload, protectedHeader } = await readPayload(token);
    if (tokenType === 'JWT' && isIdToken(payload))
      throw tokenRefused('token_invalid', 'send an access token, not an ID token');
    if (!isForLedger(payload, settings, ledger.name)) {
      throw tokenRefused('token_invalid', 'the token is for another ledger');
    }
    const user = readClaims(payload, settings);
    if (user === undefined) throw tokenRefused('token_invalid', `the token has no claim "${settings.userClaim}"`);
    const lifetimeMs = (Number(payload.exp) + CLOCK_TOLERANCE_S) * 1_000 - Date.now();
    const found = { user, kid: protectedHeader.kid };
    verified.add(keyOf(token), { principal: found, lifetimeMs });
    return found;
  }

  /** What was verified before and still counts; a token whose key the issuer has taken back is verified again. */
  function findVerified(token: string): VerifiedUser | undefined {
    const found = verified.get(keyOf(token));
    if (found === 'expired') throw expired();
    return found?.kid !== undefined && !keys.has(found.kid) ? undefined : found;
  }

  return {
    isOf(token) {
      try {
        return decodeJwt(token).iss === issuer;
      } catch {
        return false;
      }
    },

    known(token) {
      const found = findVerified(token);
      const identity = found === undefined ? undefined : identities.get(found.user.subject);
      return found === undefined || identity === undefined ? undefined : principalOf(identity, found.user);
    },

    async verify(token) {
      const { user } = findVerified(token) ?? (await verifySignature(token));
      const identity = await signIn(user);
      if (identity === undefined)
        throw tokenRefused('token_invalid', 'the user of this token has closed their account');
      return principalOf(identity, user);
    },
  };
}

/** Tokens of an issuer may be long: they are remembered by a hash. */
function keyOf(token: string): string {
  return hash('sha256', token, 'base64');
}

function principalOf({ id, userId }: Identity, { isSupport }: IssuerUser): UserPrincipal {
  return { kind: 'user', id: userId, sessionId: id, ...(isSupport ? { role: 'support' as const } : {}) };
}

/** ID tokens tell a client who its user is, and may reach others than the server: Keycloak's `typ`, or claims that only they have. */
function isIdToken({ typ, nonce, at_hash: accessTokenHash }: JWTPayload): boolean {
  return (typ !== undefined && typ !== 'Bearer') || nonce !== undefined || accessTokenHash !== undefined;
}

function expired(cause?: unknown) {
  return tokenRefused('token_expired', 'the access token has expired', cause);
}
