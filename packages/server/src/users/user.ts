import type { UserId } from '../identity/user-id.js';

export interface User {
  readonly id: UserId;
  /** In its canonical form; unique in its ledger. Null for a user of another issuer who has none here. */
  readonly email: string | null;
  readonly displayName: string | null;
  /** Null while nobody has proved to read the mails of this email. */
  readonly emailVerifiedAt: Date | null;
  readonly createdAt: Date;
}
