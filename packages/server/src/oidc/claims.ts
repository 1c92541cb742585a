import type { JWTPayload } from 'jose';
import { canonicalEmail } from '../users/email.js';
import type { OidcSettings } from './oidc-settings.js';

const SUBJECT_LENGTH_MAX = 255;

/** What a verified token of the issuer says of its user. */
export interface IssuerUser {
  /** Names the user at the issuer, for ever. */
  readonly subject: string;
  /** In its canonical form; undefined if there is none, or if the issuer has not verified it. */
  readonly email: string | undefined;
  readonly isSupport: boolean;
}

/** Reads the claims of a token; undefined if they name no user. */
export function readClaims(payload: JWTPayload, { userClaim, roleClaim }: OidcSettings): IssuerUser | undefined {
  const subject = claimOf(payload, userClaim);
  if (typeof subject !== 'string' || subject === '' || subject.length > SUBJECT_LENGTH_MAX) return undefined;
  const { email, email_verified: isVerified } = payload;
  return {
    subject,
    email: typeof email === 'string' && isVerified === true ? canonicalEmail(email) : undefined,
    isSupport: roleClaim !== undefined && holds(claimOf(payload, roleClaim), 'support'),
  };
}

/** Whether a token is for this ledger. */
export function isForLedger(payload: JWTPayload, { ledgerClaim }: OidcSettings, ledger: string): boolean {
  return ledgerClaim === undefined || holds(claimOf(payload, ledgerClaim), ledger);
}

/** A claim by its name or, for one inside another, by its path: `realm_access.roles`. */
function claimOf(payload: JWTPayload, name: string): unknown {
  if (Object.hasOwn(payload, name)) return payload[name];
  let value: unknown = payload;
  for (const part of name.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string, unknown>>)[part];
  }
  return value;
}

/** A text, or a list that has it. */
function holds(claim: unknown, text: string): boolean {
  return claim === text || (Array.isArray(claim) && claim.includes(text));
}
