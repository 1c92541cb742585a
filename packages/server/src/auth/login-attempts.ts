import type { Database } from '../database/connect.js';
import { type AttemptLimit, createAttemptLimit } from '../throttling/attempt-limit.js';
import { networkOf } from '../throttling/network-of.js';

const PER_EMAIL_AND_MINUTE = 10;
/** An office with one address may have many people, but a flood of fresh emails is larger. */
const PER_NETWORK_AND_MINUTE = 100;

/** Logins and registrations: few for each email, and more for all emails that one address comes with. */
export interface LoginAttempts {
  /** @throws {ProblemError} `rate_limited` */
  take(clientAddress: string, email: string): ReturnType<AttemptLimit['take']>;
}

export function createLoginAttempts(database: Database, ledger: string): LoginAttempts {
  const byEmail = createAttemptLimit(database, ledger, { policy: 'login', perMinute: PER_EMAIL_AND_MINUTE });
  const byNetwork = createAttemptLimit(database, ledger, {
    policy: 'login-address',
    perMinute: PER_NETWORK_AND_MINUTE,
  });

  return {
    async take(clientAddress, email) {
      const network = networkOf(clientAddress);
      await byNetwork.take(network);
      return byEmail.take(`${network} ${email}`);
    },
  };
}
