import type { UserId } from '../identity/user-id.js';

export interface User {
  readonly id: UserId;
  /** In its canonical form; unique in its ledger. */
  readonly email: string;
  readonly displayName: string | null;
  readonly createdAt: Date;
}
