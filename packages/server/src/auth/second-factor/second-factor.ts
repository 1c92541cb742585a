import type { UserId } from '../../identity/user-id.js';

/** The second factors that a user can have. */
export const SECOND_FACTOR_KINDS = ['totp', 'passkey'] as const;
export type SecondFactorKind = (typeof SECOND_FACTOR_KINDS)[number];

/** How a login can be completed. */
export const LOGIN_METHODS = [...SECOND_FACTOR_KINDS, 'recovery_code'] as const;
export type LoginMethod = (typeof LOGIN_METHODS)[number];

/** A second factor that counts. */
export interface SecondFactor {
  readonly id: string;
  readonly kind: SecondFactorKind;
  readonly name: string;
  readonly createdAt: Date;
  readonly lastUsedAt: Date | null;
}

/** Whose second factors they are. */
export interface FactorOwner {
  readonly ledger: string;
  readonly userId: UserId;
}

export interface SecondFactorSettings {
  /** What authenticator apps and browsers call this service. */
  readonly serviceName: string;
  /** Undefined where no page of this service can have passkeys. */
  readonly passkeys?: PasskeySettings | undefined;
}

export interface PasskeySettings {
  /** The domain that passkeys belong to: that of the origins, or one above. */
  readonly rpId: string;
  /** Of the pages and apps that use them. */
  readonly origins: readonly string[];
}

export const SECOND_FACTORS_DEFAULT: SecondFactorSettings = { serviceName: 'MicroPay' };
