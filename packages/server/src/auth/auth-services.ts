import type { Database } from '../database/connect.js';
import type { LedgerServices } from '../http/route.js';
import type { Mails } from '../mail/mail-outbox.js';
import type { AttemptsByNetwork } from '../throttling/attempts-by-network.js';
import type { Passwords } from './passwords/password.js';
import type { SecondFactorSettings } from './second-factor/second-factor.js';
import type { Sessions } from './sessions.js';
import type { SignInNotices } from './sign-in-notices.js';
import type { SigningKeys } from './tokens/signing-keys.js';

/** The services that registration, login and sessions work with. */
export interface AuthServices extends LedgerServices {
  readonly database: Database;
  readonly passwords: Passwords;
  readonly sessions: Sessions;
  readonly signingKeys: SigningKeys;
  readonly mails: Mails;
  readonly loginAttempts: AttemptsByNetwork;
  readonly refreshAttempts: AttemptsByNetwork;
  /** Mails that are asked for, by email. */
  readonly mailAttempts: AttemptsByNetwork;
  /** Links that are opened, by their secret. */
  readonly linkAttempts: AttemptsByNetwork;
  /** Codes of second factors. */
  readonly codeAttempts: AttemptsByNetwork;
  readonly secondFactors: SecondFactorSettings;
  readonly signInNotices: SignInNotices;
}
