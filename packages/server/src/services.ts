import type { Ledger } from '@micropay/ledger-core';
import type { Authenticate } from './auth/authenticate.js';
import type { LoginAttempts } from './auth/login-attempts.js';
import type { Passwords } from './auth/password.js';
import type { Sessions } from './auth/sessions.js';
import type { SigningKeys } from './auth/signing-keys.js';
import type { Database } from './database/connect.js';
import type { ClientAddress } from './http/client-address.js';
import type { LiveEvents } from './live/live-events.js';
import type { AttemptLimit } from './throttling/attempt-limit.js';
import type { RecipientLookUps } from './transfers/recipient-look-ups.js';

/** All that handlers work with. */
export interface Services {
  readonly ledger: Ledger;
  readonly database: Database;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly signingKeys: SigningKeys;
  readonly authenticate: Authenticate;
  readonly liveEvents: LiveEvents;
  readonly clientAddress: ClientAddress;
  readonly loginAttempts: LoginAttempts;
  readonly refreshAttempts: AttemptLimit;
  readonly recipientLookUps: RecipientLookUps;
}
