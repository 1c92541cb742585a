import type { AccountIdentity } from '@micropay/ledger-core';
import type { UserId } from '../identity/user-id.js';
import { defaultWalletName, walletAddress } from '../identity/wallet-address.js';
import { canonicalEmail } from '../users/email.js';
import { findUserIds } from '../users/users.js';
import { isEmail, type PostTransferJson } from './post-transfer-json.js';
import type { Asker } from './recipient-look-ups.js';
import type { TransferServices } from './transfer-services.js';

/** The accounts that transfers name. They never change, so a repeated transfer becomes the same request. */
export interface Parties {
  readonly usersByEmail: ReadonlyMap<string, UserId>;
  /** By id, and by address for payments to an email. */
  readonly accounts: ReadonlyMap<string, AccountIdentity>;
}

const NO_USERS: Parties['usersByEmail'] = new Map();

/**
 * Looks up what all of these transfers name, each thing once and all in a statement or two.
 *
 * @throws {ProblemError} `rate_limited`
 */
export async function findParties(
  services: TransferServices,
  asker: Asker,
  transfers: readonly PostTransferJson[],
): Promise<Parties> {
  const usersByEmail = await findPayees(services, asker, transfers);
  const references = new Set<string>();
  for (const transfer of transfers) {
    references.add(transfer.from);
    const to = payeeReference(transfer, usersByEmail);
    if (to !== undefined) references.add(to);
  }
  return { usersByEmail, accounts: await services.ledger.accounts.identifyMany([...references]) };
}

/**
 * The account that a transfer pays: the wallet of that id or, for an email, its user's wallet named as the currency. That
 * it is this one does not change when the payee opens others.
 */
export function findPayee(
  transfer: PostTransferJson,
  { usersByEmail, accounts }: Parties,
): AccountIdentity | undefined {
  const reference = payeeReference(transfer, usersByEmail);
  const account = reference === undefined ? undefined : accounts.get(reference);
  // A wallet may be named after a currency that it does not hold.
  return isEmail(transfer.to) && account?.currency !== transfer.currency ? undefined : account;
}

function payeeReference({ to, currency }: PostTransferJson, usersByEmail: Parties['usersByEmail']): string | undefined {
  if (!isEmail(to)) return to;
  const user = usersByEmail.get(emailOf(to));
  return user === undefined ? undefined : walletAddress(user, defaultWalletName(currency));
}

async function findPayees(
  { database, ledger, recipientLookUps }: TransferServices,
  asker: Asker,
  transfers: readonly PostTransferJson[],
): Promise<Parties['usersByEmail']> {
  const emails = new Set<string>();
  for (const { to } of transfers) if (isEmail(to)) emails.add(emailOf(to));
  if (emails.size === 0) return NO_USERS;
  // Both at once, as a payment waits for them; whoever has used up the look-ups does not hear of what was found.
  const [users] = await Promise.all([
    findUserIds(database, ledger.name, [...emails]),
    recipientLookUps.take(asker, emails.size),
  ]);
  return users;
}

/** A text that is not an email is looked up unchanged, and nobody has it. */
function emailOf(to: string): string {
  return canonicalEmail(to) ?? to;
}
