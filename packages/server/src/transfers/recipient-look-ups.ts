import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import type { Principal } from '../identity/principal.js';
import { createAttemptLimit } from '../throttling/attempt-limit.js';
import { networkOf } from '../throttling/network-of.js';

/** Enough for people who pay people, too few to find out from a list of emails who is registered. */
const PER_USER_AND_MINUTE = 60;
/** All users of one network together, so that registering many users does not allow more look-ups. */
const PER_NETWORK_AND_MINUTE = 600;

/** The caller and its network address. */
export interface Asker {
  readonly principal: Principal;
  readonly clientAddress: string;
}

/** Counts the emails that users look up by paying to them. Operators may know who is registered. */
export interface RecipientLookUps {
  /**
   * Counts them whether they are known or not, and before anything is answered: were only unknown ones counted, or
   * afterwards, the answers to one great batch, or to many at once, would tell them from the others.
   *
   * @throws {ProblemError} `rate_limited`; `invalid_request` for more than can ever be looked up at once
   */
  take(asker: Asker, emails: number): Promise<void>;
}

export function createRecipientLookUps(database: Database, ledger: string): RecipientLookUps {
  const byUser = createAttemptLimit(database, ledger, { policy: 'recipients', perMinute: PER_USER_AND_MINUTE });
  const byNetwork = createAttemptLimit(database, ledger, {
    policy: 'recipients-address',
    perMinute: PER_NETWORK_AND_MINUTE,
  });

  return {
    async take({ principal, clientAddress }, emails) {
      if (principal.kind === 'operator' || emails === 0) return;
      if (emails > PER_USER_AND_MINUTE) {
        const message = `at most ${PER_USER_AND_MINUTE} emails in one request: pay the others by the ids of their wallets`;
        throw new ProblemError('invalid_request', message, { errors: [{ path: 'transfers', message }] });
      }
      await byUser.take(principal.id, emails);
      await byNetwork.take(networkOf(clientAddress), emails);
    },
  };
}
