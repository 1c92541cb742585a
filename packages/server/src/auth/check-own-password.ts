import type { Ledger } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import { userGone } from '../errors/token-refused.js';
import type { UserPrincipal } from '../identity/principal.js';
import type { AttemptsByNetwork } from '../throttling/attempts-by-network.js';
import type { User } from '../users/user.js';
import { findUserWithPassword } from '../users/users.js';
import type { Hasher } from './passwords/password.js';

/** The user, who has just proved to know the password, and the hash that it has. */
export type ProvenUser = User & { readonly email: string; readonly passwordHash: string };

/**
 * Asks for the password again before a change of the account, as an access token may be stolen. Wrong ones count as logins do. A user
 * of another issuer has none.
 *
 * @throws {ProblemError} `password_wrong`, `rate_limited`
 */
export async function checkOwnPassword(
  {
    database,
    ledger,
    loginAttempts,
  }: { readonly database: Database; readonly ledger: Pick<Ledger, 'name'>; readonly loginAttempts: AttemptsByNetwork },
  { matches }: Pick<Hasher, 'matches'>,
  { principal, clientAddress, password }: { principal: UserPrincipal; clientAddress: string; password: string },
): Promise<ProvenUser> {
  const user = await findUserWithPassword(database, ledger.name, principal.id);
  if (user === undefined) throw userGone();
  const { email, passwordHash } = user;
  const headers = await loginAttempts.take(clientAddress, email ?? user.id);
  const isRight = await matches(password, passwordHash ?? undefined);
  if (email === null || passwordHash === null || !isRight) {
    throw new ProblemError('password_wrong', 'the current password is wrong', { headers });
  }
  return { ...user, email, passwordHash };
}
