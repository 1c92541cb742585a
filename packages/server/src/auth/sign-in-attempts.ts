import type { Database } from '../database/connect.js';
import { type AttemptsByNetwork, createAttemptsByNetwork } from '../throttling/attempts-by-network.js';
import { RATE_LIMITS_DEFAULT, type RateLimitSettings } from '../throttling/rate-limit-settings.js';

/** By token. A client refreshes every ten minutes, so this is enough for thousands behind one address. */
const REFRESH = { policy: 'refresh', perName: 10, perNetwork: 600 };

/** Logins and registrations, by email. */
export function createLoginAttempts(
  database: Database,
  ledger: string,
  { signIns, addressSignIns }: Pick<RateLimitSettings, 'signIns' | 'addressSignIns'> = RATE_LIMITS_DEFAULT,
): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, { policy: 'login', perName: signIns, perNetwork: addressSignIns });
}

/** Refreshes, by refresh token. */
export function createRefreshAttempts(database: Database, ledger: string): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, REFRESH);
}
