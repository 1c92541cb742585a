import type { Database } from '../database/connect.js';
import type { LedgerServices } from '../http/route.js';
import type { VerifiedUsers } from '../users/verified-users.js';
import type { RecipientLookUps } from './recipient-look-ups.js';

/** The services that payments work with: payees may be named by their email, which the server's own tables hold. */
export interface TransferServices extends LedgerServices {
  readonly database: Database;
  readonly recipientLookUps: RecipientLookUps;
  readonly verifiedUsers: VerifiedUsers;
}
