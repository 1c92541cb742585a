import { type Ledger, LedgerError, parseAmount, type TransferLeg } from '@micropay/ledger-core';
import type { UserPrincipal } from '../auth/principal.js';
import type { Database } from '../database/connect.js';
import { ProblemError } from '../http/problem.js';
import type { UserId } from '../users/user.js';
import { findUserIds } from '../users/users.js';
import { findWallet } from '../wallets/find-wallet.js';
import { defaultWalletName, walletAddress, walletOwnerOf } from '../wallets/wallet-address.js';
import type { VisibleSides } from './transfer-json.js';

/** What a user asks for. */
export interface Order {
  readonly from: string;
  /** A wallet id or an email. */
  readonly to: string;
  readonly amount: string;
  readonly currency: string;
  readonly description?: string | undefined;
  readonly metadata?: Record<string, unknown> | undefined;
}

/** An order that its user may give, in the ledger's words. */
export interface ResolvedOrder {
  readonly leg: TransferLeg;
  readonly visible: VisibleSides;
}

export type Recipients = ReadonlyMap<string, UserId>;

const NO_RECIPIENTS: Recipients = new Map();

/** Looks up all emails among the orders at once. */
export async function findRecipients(
  database: Database,
  ledger: Ledger,
  orders: readonly Order[],
): Promise<Recipients> {
  const emails = orders.filter(({ to }) => isEmail(to)).map(({ to }) => to.toLowerCase());
  if (emails.length === 0) return NO_RECIPIENTS;
  return findUserIds(database, ledger.name, [...new Set(emails)]);
}

/**
 * Checks that a user may give this order and finds who gets the money. Everything this depends on never changes,
 * so a repetition of an order becomes the same request to the ledger.
 *
 * @throws {LedgerError} `account_not_found` for a wallet that is missing, or not the user's where it has to be
 * @throws {ProblemError} `recipient_not_found`
 */
export async function resolveOrder(
  ledger: Ledger,
  principal: UserPrincipal,
  order: Order,
  recipients: Recipients,
): Promise<ResolvedOrder> {
  await findWallet(ledger, principal, order.from);
  const to = isEmail(order.to) ? await payByEmail(ledger, order, recipients) : await payById(ledger, order.to);
  const { from, amount, currency, description, metadata } = order;
  return {
    leg: {
      from,
      to: to.reference,
      amount: parseAmount(amount),
      currency,
      ...(description === undefined ? {} : { description }),
      ...(metadata === undefined ? {} : { metadata: metadata as NonNullable<TransferLeg['metadata']> }),
    },
    visible: { from: true, to: to.owner === principal.id },
  };
}

interface Payee {
  /** Account id or address. */
  readonly reference: string;
  readonly owner: UserId;
}

/** The wallet named as the currency receives: that it is this one does not change when the payee opens others. */
async function payByEmail(ledger: Ledger, { to, currency }: Order, recipients: Recipients): Promise<Payee> {
  const owner = recipients.get(to.toLowerCase());
  if (owner !== undefined) {
    const reference = walletAddress(owner, defaultWalletName(currency));
    const identity = await ledger.accounts.identify(reference);
    if (identity?.currency === currency) return { reference, owner };
  }
  throw new ProblemError(
    'recipient_not_found',
    `nobody with this email has a wallet named "${defaultWalletName(currency)}" in ${currency}`,
  );
}

async function payById(ledger: Ledger, id: string): Promise<Payee> {
  const identity = await ledger.accounts.identify(id);
  const owner = identity === undefined ? undefined : walletOwnerOf(identity.address);
  if (owner !== undefined) return { reference: id, owner };
  throw new LedgerError('account_not_found', '"to" names no wallet');
}

function isEmail(text: string): boolean {
  return text.includes('@');
}
