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

export function createLoginAttempts(): LoginAttempts {
  const byEmail = createAttemptLimit('login', PER_EMAIL_AND_MINUTE);
  const byNetwork = createAttemptLimit('login-address', PER_NETWORK_AND_MINUTE);

  return {
    take(clientAddress, email) {
      const network = networkOf(clientAddress);
      byNetwork.take(network);
      return byEmail.take(`${network} ${email}`);
    },
  };
}
