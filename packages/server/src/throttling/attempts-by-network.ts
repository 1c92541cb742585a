import type { Database } from '../database/connect.js';
import { type AttemptLimit, createAttemptLimit } from './attempt-limit.js';
import { networkOf } from './network-of.js';

/** Counts attempts by a name within the network that they come from, and all names of one network together, as a flood invents names. */
export interface AttemptsByNetwork {
  /** @throws {ProblemError} `rate_limited` */
  take(clientAddress: string, name: string): ReturnType<AttemptLimit['take']>;
}

export interface NetworkPolicy {
  /** As the response headers call it. */
  readonly policy: string;
  readonly perName: number;
  readonly perNetwork: number;
}

/** Numbers are a minute's. */
export function createAttemptsByNetwork(
  database: Database,
  ledger: string,
  { policy, perName, perNetwork }: NetworkPolicy,
): AttemptsByNetwork {
  const byName = createAttemptLimit(database, ledger, { policy, perMinute: perName });
  const byNetwork = createAttemptLimit(database, ledger, { policy: `${policy}-address`, perMinute: perNetwork });

  return {
    async take(clientAddress, name) {
      const network = networkOf(clientAddress);
      const nameThere = `${network} ${name}`;
      // Before the network is asked, so that neither costs a statement.
      byName.refuseUsedUp(nameThere);
      await byNetwork.take(network);
      return byName.take(nameThere);
    },
  };
}
