import {
  type AccountIdentity,
  LedgerError,
  type Metadata,
  type PostTransfer,
  parseAmount,
} from '@micropay/ledger-core';
import { ProblemError } from '../errors/problem.js';
import { requireOperator } from '../http/authorize.js';
import type { Principal } from '../identity/principal.js';
import type { UserId } from '../identity/user-id.js';
import { defaultWalletName, walletAddress, walletOwnerOf } from '../identity/wallet-address.js';
import { canonicalEmail } from '../users/email.js';
import { findUserIds } from '../users/users.js';
import { walletMissing } from '../wallets/find-wallet.js';
import { dryRunOf } from './dry-run.js';
import { isEmail, type PostTransferJson } from './post-transfer-json.js';
import type { Asker } from './recipient-look-ups.js';
import type { VisibleSides } from './transfer-json.js';
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
 * @throws {ProblemError} `rate_limited`; `email_unverified` for a user who may not pay yet
 */
export async function findParties(
  services: TransferServices,
  asker: Asker,
  transfers: readonly PostTransferJson[],
): Promise<Parties> {
  if (services.verifiedUsers.isRequired && transfers.length > 0) await services.verifiedUsers.require(asker.principal);
  const emails = emailsOf(transfers);
  const usersByEmail = emails.size === 0 ? NO_USERS : await findPayees(services, asker, emails);
  const references = new Set<string>();
  for (const transfer of transfers) {
    references.add(transfer.from);
    const to = payeeReference(transfer, usersByEmail);
    if (to !== undefined) references.add(to);
  }
  return { usersByEmail, accounts: await services.ledger.accounts.identifyMany([...references]) };
}

/** A transfer that its caller may post, in the ledger's words. */
export interface ResolvedPostTransfer {
  readonly post: PostTransfer;
  readonly visible: VisibleSides;
}

/**
 * Checks that the caller may post this transfer: users pay from their own wallets to wallets, operators between any
 * accounts. Linked ones come without a key of their own.
 *
 * @throws {LedgerError} `account_not_found` for a wallet that is missing, or not the user's where it has to be
 * @throws {ProblemError} `recipient_not_found`, `forbidden`
 */
export function resolvePostTransfer(
  principal: Principal,
  transfer: PostTransferJson,
  parties: Parties,
  idempotencyKey?: string,
): ResolvedPostTransfer {
  const { kind, id } = principal;
  const isOperator = kind === 'operator';
  const payer = parties.accounts.get(transfer.from);
  if (payer === undefined || !(isOperator || walletOwnerOf(payer.address) === id)) throw walletMissing();
  const payee = findPayee(transfer, parties);
  const payeeOwner = payee === undefined ? undefined : walletOwnerOf(payee.address);
  if (payee === undefined || !(isOperator || payeeOwner !== undefined)) throw payeeMissing(transfer);
  const post: { -readonly [Field in keyof PostTransfer]: PostTransfer[Field] } = {
    from: payer.id,
    to: payee.id,
    amount: parseAmount(transfer.amount),
    currency: transfer.currency,
  };
  if (transfer.description !== undefined) post.description = transfer.description;
  if (transfer.metadata !== undefined) post.metadata = transfer.metadata as Metadata;
  if (transfer.reference !== undefined) post.reference = transfer.reference;
  if (transfer.effectiveAt !== undefined) {
    requireOperator(principal, 'effectiveAt');
    post.effectiveAt = transfer.effectiveAt;
  }
  const visible = { from: true, to: isOperator || payeeOwner === id };
  const dryRun = dryRunOf(transfer.dryRun, visible);
  if (dryRun !== undefined) post.dryRun = dryRun;
  if (idempotencyKey !== undefined) {
    post.idempotencyKey = idempotencyKey;
    post.scope = id;
  }
  return { post, visible };
}

function payeeMissing({ to, currency }: PostTransferJson): Error {
  if (!isEmail(to)) return new LedgerError('account_not_found', '"to": no wallet has this id');
  const name = defaultWalletName(currency);
  return new ProblemError('recipient_not_found', `nobody with this email has a wallet named "${name}" in ${currency}`);
}

/**
 * The account that a transfer pays: the wallet of that id or, for an email, its user's wallet named as the currency. That
 * it is this one does not change when the payee opens others.
 */
function findPayee(transfer: PostTransferJson, { usersByEmail, accounts }: Parties): AccountIdentity | undefined {
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

function emailsOf(transfers: readonly PostTransferJson[]): ReadonlySet<string> {
  const emails = new Set<string>();
  for (const { to } of transfers) if (isEmail(to)) emails.add(emailOf(to));
  return emails;
}

async function findPayees(
  { database, ledger, recipientLookUps, verifiedUsers }: TransferServices,
  asker: Asker,
  emails: ReadonlySet<string>,
): Promise<Parties['usersByEmail']> {
  // Both at once, as a payment waits for them; whoever has used up the look-ups does not hear of what was found.
  const [users] = await Promise.all([
    // An email that nobody has confirmed may be somebody else's: its payments are not for whoever typed it in.
    findUserIds(database, ledger.name, [...emails], { onlyVerified: verifiedUsers.isRequired }),
    recipientLookUps.take(asker, emails.size),
  ]);
  return users;
}

/** A text that is not an email is looked up unchanged, and nobody has it. */
function emailOf(to: string): string {
  return canonicalEmail(to) ?? to;
}
