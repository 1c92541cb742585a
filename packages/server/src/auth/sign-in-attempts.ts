import type { Database } from '../database/connect.js';
import { type AttemptsByNetwork, createAttemptsByNetwork } from '../throttling/attempts-by-network.js';
import { RATE_LIMITS_DEFAULT, type RateLimitSettings } from '../throttling/rate-limit-settings.js';

/** By token. A client refreshes every ten minutes, so this is enough for thousands behind one address. */
const REFRESH = { policy: 'refresh', perName: 10, perNetwork: 600 };

/** By email. */
const MAIL = { policy: 'mail', perName: 5, perNetwork: 30 };
/** By the secret of a link. */
const LINK = { policy: 'link', perName: 10, perNetwork: 60 };

/** By challenge of a login, and by the user who confirms a second factor. */
const CODE = { policy: 'code', perName: 10, perNetwork: 60 };

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

/** Mails that are asked for, by email. */
export function createMailAttempts(database: Database, ledger: string): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, MAIL);
}

/** Links that are opened, by their secret. */
export function createLinkAttempts(database: Database, ledger: string): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, LINK);
}

/** Codes of second factors, by what they complete. It keeps floods from the database; how many are tried for a user is bounded apart. */
export function createCodeAttempts(database: Database, ledger: string): AttemptsByNetwork {
  return createAttemptsByNetwork(database, ledger, CODE);
}
