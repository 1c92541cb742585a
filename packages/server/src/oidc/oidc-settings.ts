/** The forms of an access token's header `typ`: RFC 9068's, or that of issuers who do not follow it. */
export const TOKEN_TYPES = ['at+jwt', 'JWT'] as const;

/** Another issuer whose access tokens sign users in. */
export interface OidcSettings {
  /** Whether the issuer's tokens count alone, or beside those of local sign-ins. */
  readonly mode: 'oidc' | 'both';
  /** Exactly as it is in `iss`. */
  readonly issuer: string;
  /** What `aud` has to hold: the name that the issuer gives this server. */
  readonly audience: string;
  readonly tokenType: (typeof TOKEN_TYPES)[number];
  /** The claim that names a user for ever. */
  readonly userClaim: string;
  /** The claim that may hold `support`; undefined if the issuer gives no roles. */
  readonly roleClaim?: string | undefined;
  /** The claim that has to hold the name of the ledger; undefined if the issuer is of this ledger alone. */
  readonly ledgerClaim?: string | undefined;
}
