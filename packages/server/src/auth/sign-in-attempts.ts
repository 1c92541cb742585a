import type { Database } from '../database/connect.js';
import { type AttemptsByNetwork, createAttemptsByNetwork } from '../throttling/attempts-by-network.js';

/** By email. An office with one address may have many people, but a flood of fresh emails is larger. */
const LOGIN = { policy: 'login', perName: 10, perNetwork: 100 };
/** By token. A client refreshes every ten minutes, so this is enough for thousands behind one address. */
const REFRESH = { policy: 'refresh', perName: 10, perNetwork: 600 };

/** Logins and registrations, by email. */
export function createLoginAttempts(database: Database, ledger: string): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, LOGIN);
}

/** Refreshes, by refresh token. */
export function createRefreshAttempts(database: Database, ledger: string): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, REFRESH);
}
