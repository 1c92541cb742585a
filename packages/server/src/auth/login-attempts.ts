import { isIPv6 } from 'node:net';
import { type AttemptLimit, createAttemptLimit } from './attempt-limit.js';

const PER_EMAIL_AND_MINUTE = 10;
/** An office behind one address may have many people; a flood of fresh emails has more. */
const PER_NETWORK_AND_MINUTE = 100;
const IPV6_GROUPS = 8;
const IPV6_NETWORK_GROUPS = 4;

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
      byNetwork.take(networkOf(clientAddress));
      return byEmail.take(`${clientAddress} ${email}`);
    },
  };
}

/** Who has an IPv6 address has 2^64 of them, so that they count as one. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = [], tail] = address.split('::').map((groups) => (groups === '' ? [] : groups.split(':')));
  const zeros = tail === undefined ? 0 : IPV6_GROUPS - head.length - tail.length;
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...(tail ?? [])];
  return groups.slice(0, IPV6_NETWORK_GROUPS).join(':');
}
