import { LRUCache } from 'lru-cache';
import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import type { Principal } from '../identity/principal.js';
import type { UserId } from '../identity/user-id.js';
import { findUser } from './users.js';

const REMEMBERED_MAX = 20_000;

/** Whether users have to confirm their email before they pay, and before they are paid by their email. */
export interface VerifiedUsers {
  readonly isRequired: boolean;
  /** @throws {ProblemError} `email_unverified` for a user who has to confirm the email first */
  require(principal: Principal): Promise<void>;
}

export function createVerifiedUsers(database: Database, ledger: string, isRequired: boolean): VerifiedUsers {
  /** Once confirmed, an email is only replaced by a confirmed one: what is remembered stays true. */
  const verified = new LRUCache<UserId, true>({ max: REMEMBERED_MAX });

  return {
    isRequired,
    async require(principal) {
      if (!isRequired || principal.kind !== 'user' || verified.has(principal.id)) return;
      const user = await findUser(database, ledger, principal.id);
      // A user of another issuer may have no email here: the issuer says who it is.
      if (user === undefined || (user.email !== null && user.emailVerifiedAt === null)) {
        throw new ProblemError(
          'email_unverified',
          'open the link in the mail that confirms your email, then try again',
        );
      }
      verified.set(principal.id, true);
    },
  };
}
