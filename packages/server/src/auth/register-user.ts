import type { Account, Ledger } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/connect.js';
import { ProblemError } from '../errors/problem.js';
import type { UserId } from '../identity/user-id.js';
import { defaultWalletName, walletAddress } from '../identity/wallet-address.js';
import type { Mails } from '../mail/mail-outbox.js';
import type { User } from '../users/user.js';
import { userCreated } from '../users/user-events.js';
import { insertUser } from '../users/users.js';
import type { Client, Sessions, Tokens } from './sessions.js';

export interface Registration {
  readonly email: string;
  readonly passwordHash: string;
  readonly displayName?: string | undefined;
  readonly currency: string;
  readonly client: Client;
}

/**
 * Makes a user, a first wallet, their events, the mail that confirms the email and a session in one database transaction: all of
 * them or none.
 *
 * @throws {ProblemError} `email_taken`
 * @throws {LedgerError} `unknown_currency`
 */
export async function registerUser(
  services: {
    readonly database: Database;
    readonly ledger: Ledger;
    readonly sessions: Sessions;
    readonly mails: Mails;
  },
  { email, passwordHash, displayName, currency, client }: Registration,
): Promise<{ readonly user: User; readonly wallet: Account; readonly tokens: Tokens }> {
  const { database, ledger, sessions, mails } = services;
  return database.transaction().execute(async (transaction) => {
    const id = uuidv7() as UserId;
    const user = await insertUser(transaction, {
      id,
      ledger: ledger.name,
      email,
      passwordHash,
      displayName: displayName ?? null,
    });
    if (user === undefined) throw new ProblemError('email_taken', 'this email is registered: log in instead');
    await mails.add(transaction, { kind: 'email_verification', to: email, userId: id });
    const within = ledger.within(fromKysely(transaction));
    await within.events.write(userCreated, { subject: id, data: { userId: id } });
    const wallet = await within.accounts.open({ address: walletAddress(id, defaultWalletName(currency)), currency });
    return { user, wallet, tokens: await sessions.begin(transaction, id, client) };
  });
}
