import type { AccountIdentity, Ledger } from '@micropay/ledger-core';
import type { Database } from '../database/connect.js';
import type { UserId } from '../users/user.js';
import { findUserIds } from '../users/users.js';
import { defaultWalletName, walletAddress } from '../wallets/wallet-address.js';
import { isEmail, type Order } from './order.js';

/** Who is behind what orders name. All of it never changes, so a repetition of an order becomes the same request. */
export interface Parties {
  readonly usersByEmail: ReadonlyMap<string, UserId>;
  /** By id, and by address for payments to an email. */
  readonly accounts: ReadonlyMap<string, AccountIdentity>;
}

const NO_USERS: Parties['usersByEmail'] = new Map();

/** Looks up what all of these orders name, each thing once. */
export async function findParties(
  { ledger, database }: { readonly ledger: Ledger; readonly database: Database },
  orders: readonly Order[],
): Promise<Parties> {
  const usersByEmail = await findPayees(database, ledger.name, orders);
  const references = new Set<string>();
  for (const order of orders) {
    references.add(order.from);
    const to = payeeReference(order, usersByEmail);
    if (to !== undefined) references.add(to);
  }
  return { usersByEmail, accounts: await identifyAll(ledger, references) };
}

/**
 * The account that an order pays: the wallet of that id or, for an email, its user's wallet named as the currency. That
 * it is this one does not change when the payee opens others.
 */
export function findPayee(order: Order, { usersByEmail, accounts }: Parties): AccountIdentity | undefined {
  const reference = payeeReference(order, usersByEmail);
  const account = reference === undefined ? undefined : accounts.get(reference);
  // A wallet can be given the name of a currency that it does not hold.
  return isEmail(order.to) && account?.currency !== order.currency ? undefined : account;
}

function payeeReference({ to, currency }: Order, usersByEmail: Parties['usersByEmail']): string | undefined {
  if (!isEmail(to)) return to;
  const user = usersByEmail.get(to.toLowerCase());
  return user === undefined ? undefined : walletAddress(user, defaultWalletName(currency));
}

async function findPayees(
  database: Database,
  ledger: string,
  orders: readonly Order[],
): Promise<Parties['usersByEmail']> {
  const emails = new Set<string>();
  for (const { to } of orders) if (isEmail(to)) emails.add(to.toLowerCase());
  return emails.size === 0 ? NO_USERS : findUserIds(database, ledger, [...emails]);
}

async function identifyAll(ledger: Ledger, references: ReadonlySet<string>): Promise<Parties['accounts']> {
  const accounts = new Map<string, AccountIdentity>();
  await Promise.all(
    [...references].map(async (reference) => {
      const account = await ledger.accounts.identify(reference);
      if (account !== undefined) accounts.set(reference, account);
    }),
  );
  return accounts;
}
