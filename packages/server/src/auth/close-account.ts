import { type Account, type Ledger, LedgerError } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { ProblemError } from '../errors/problem.js';
import { userGone } from '../errors/token-refused.js';
import type { UserId } from '../identity/user-id.js';
import { walletsPrefixOf } from '../identity/wallet-address.js';
import { eraseDestinations, hasOpenPayout } from '../payouts/payout-store.js';
import { userClosed } from '../users/user-events.js';
import { eraseUser, lockUser } from '../users/users.js';
import type { AuthServices } from './auth-services.js';
import { removeLinks } from './links/link-token.js';
import { accountClosed } from './notices.js';
import { eraseSecondFactors } from './second-factor/second-factor-store.js';

/** Tables whose rows go with the user. */
const OF_THE_USER = ['user_roles', 'notifications', 'notification_preferences'] as const;
const WALLETS_AT_ONCE = 200;
const FROZEN = 'a wallet is frozen: ask the operator before you close your account';

/**
 * Closes the wallets of a user, ends the sessions and erases what says who it was, in one database transaction: all or nothing. The
 * journal stays.
 *
 * @throws {LedgerError} `account_not_empty`, `account_frozen`, `account_busy`
 * @throws {ProblemError} `payout_open`
 */
export async function closeAccount(
  { database, ledger, sessions, mails }: Pick<AuthServices, 'database' | 'ledger' | 'sessions' | 'mails'>,
  userId: UserId,
  passwordHash: string | null,
): Promise<void> {
  const refuseEnded = await database.transaction().execute(async (transaction) => {
    const user = await lockUser(transaction, ledger.name, userId);
    if (user === undefined || user.passwordHash !== passwordHash) throw userGone();
    if (await hasOpenPayout(transaction, ledger.name, userId)) throw payoutOpen();
    // Before the wallets, in the order in which a payout that is repeated takes its locks.
    await eraseDestinations(transaction, ledger.name, userId);
    // Read under the lock, which the opening of a wallet takes too.
    const wallets = await openWalletsOf(ledger, userId);
    const within = ledger.within(fromKysely(transaction));
    for (const { id } of wallets) await within.accounts.close(id, { by: `user:${userId}` });
    const refuse = await sessions.endAll(transaction, userId);
    await removeLinks(transaction, ledger.name, userId);
    await eraseSecondFactors(transaction, { ledger: ledger.name, userId });
    await mails.removeOf(transaction, userId, user.email);
    for (const table of OF_THE_USER) {
      await transaction.deleteFrom(table).where('ledger', '=', ledger.name).where('user_id', '=', userId).execute();
    }
    await eraseUser(transaction, ledger.name, userId);
    await within.events.write(userClosed, { subject: userId, data: { userId } });
    if (user.email !== null) await mails.add(transaction, accountClosed(user.email));
    return refuse;
  });
  refuseEnded();
}

function payoutOpen(): ProblemError {
  return new ProblemError('payout_open', 'a payout of yours is open: cancel it, or wait for its end');
}

/** In ascending order of id, in which accounts are locked. */
async function openWalletsOf(ledger: Ledger, userId: UserId): Promise<readonly Account[]> {
  const wallets: Account[] = [];
  let cursor: string | null = null;
  do {
    const options = { prefix: walletsPrefixOf(userId), limit: WALLETS_AT_ONCE, ...(cursor === null ? {} : { cursor }) };
    const page: Awaited<ReturnType<Ledger['accounts']['list']>> = await ledger.accounts.list(options);
    wallets.push(...page.data.filter(({ status }) => status !== 'closed'));
    cursor = page.nextCursor;
  } while (cursor !== null);
  const frozen = wallets.find(({ status }) => status !== 'open');
  if (frozen !== undefined) throw new LedgerError('account_frozen', FROZEN, { address: frozen.address });
  return wallets.sort((one, other) => (one.id < other.id ? -1 : 1));
}
