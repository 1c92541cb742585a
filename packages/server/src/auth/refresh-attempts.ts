import type { Database } from '../database/connect.js';
import { type AttemptLimit, createAttemptLimit } from '../throttling/attempt-limit.js';
import { networkOf } from '../throttling/network-of.js';
import { hashSecret } from './secret.js';

const PER_TOKEN_AND_MINUTE = 10;
/** A client refreshes every ten minutes, so this is enough for thousands behind one address. */
const PER_NETWORK_AND_MINUTE = 600;

/** Refreshes: few for each token, and more for all tokens that one address comes with, which may have invented them. */
export interface RefreshAttempts {
  /** @throws {ProblemError} `rate_limited` */
  take(clientAddress: string, refreshToken: string): ReturnType<AttemptLimit['take']>;
}

export function createRefreshAttempts(database: Database, ledger: string): RefreshAttempts {
  const byToken = createAttemptLimit(database, ledger, { policy: 'refresh', perMinute: PER_TOKEN_AND_MINUTE });
  const byNetwork = createAttemptLimit(database, ledger, {
    policy: 'refresh-address',
    perMinute: PER_NETWORK_AND_MINUTE,
  });

  return {
    async take(clientAddress, refreshToken) {
      const network = networkOf(clientAddress);
      await byNetwork.take(network);
      return byToken.take(`${network} ${hashSecret(refreshToken).toString('base64')}`);
    },
  };
}
