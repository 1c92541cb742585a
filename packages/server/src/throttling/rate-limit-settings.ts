/** Requests that are admitted in a minute; 0 for no limit. Sign-ins always have one. */
export interface RateLimitSettings {
  /** Of each user. */
  readonly userReads: number;
  readonly userWrites: number;
  /** Of each API key. */
  readonly keyReads: number;
  readonly keyWrites: number;
  /** Of all users and strangers behind one network address. API keys are known, and are not counted. */
  readonly addressReads: number;
  readonly addressWrites: number;
  /** Logins and registrations with one email from one network. */
  readonly signIns: number;
  readonly addressSignIns: number;
}

export const RATE_LIMITS_DEFAULT: RateLimitSettings = {
  userReads: 0,
  userWrites: 0,
  keyReads: 0,
  keyWrites: 0,
  addressReads: 0,
  addressWrites: 0,
  signIns: 10,
  // An office with one address may have many people, but a flood of fresh emails is larger.
  addressSignIns: 100,
};
