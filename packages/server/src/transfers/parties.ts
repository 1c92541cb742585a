import type { AccountIdentity, Ledger } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import type { UserId } from '../users/user.js';
import { findUserIds } from '../users/users.js';
import { defaultWalletName, walletAddress } from '../wallets/wallet-address.js';
import { isEmail, type Order } from './order.js';

/** Who is behind what orders name. All of it never changes, so a repetition of an order becomes the same request. */
export interface Parties {
  /** The account with that id. */
  byId(id: string): AccountIdentity | undefined;
  /**
   * Where money for this email goes in this currency: to the wallet named as the currency. That it is this one does not
   * change when the payee opens others.
   */
  byEmail(email: string, currency: string): AccountIdentity | undefined;
}

type UserIds = ReadonlyMap<string, UserId>;

const NO_USERS: UserIds = new Map();

/** Looks up what all of these orders name, each thing once. */
export async function findParties(
  { ledger, database }: { readonly ledger: Ledger; readonly database: Database },
  orders: readonly Order[],
): Promise<Parties> {
  const userIds = await findPayees(database, ledger.name, orders);
  const addressOf = (email: string, currency: string) => {
    const owner = userIds.get(email.toLowerCase());
    return owner === undefined ? undefined : walletAddress(owner, defaultWalletName(currency));
  };
  const references = new Set<string>();
  for (const { from, to, currency } of orders) {
    references.add(from);
    const reference = isEmail(to) ? addressOf(to, currency) : to;
    if (reference !== undefined) references.add(reference);
  }
  const accounts = await identifyAll(ledger, references);
  return {
    byId: (id) => accounts.get(id),
    byEmail(email, currency) {
      const account = accounts.get(addressOf(email, currency) ?? '');
      // A wallet can be given the name of a currency that it does not hold.
      return account?.currency === currency ? account : undefined;
    },
  };
}

async function findPayees(database: Database, ledger: string, orders: readonly Order[]): Promise<UserIds> {
  const emails = new Set<string>();
  for (const { to } of orders) if (isEmail(to)) emails.add(to.toLowerCase());
  return emails.size === 0 ? NO_USERS : findUserIds(database, ledger, [...emails]);
}

async function identifyAll(
  ledger: Ledger,
  references: ReadonlySet<string>,
): Promise<ReadonlyMap<string, AccountIdentity>> {
  const accounts = new Map<string, AccountIdentity>();
  await Promise.all(
    [...references].map(async (reference) => {
      const account = await ledger.accounts.identify(reference);
      if (account !== undefined) accounts.set(reference, account);
    }),
  );
  return accounts;
}
