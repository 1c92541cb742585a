import { LedgerError, type Metadata, type PostTransfer, parseAmount } from '@micropay/ledger-core';
import { ProblemError } from '../errors/problem.js';
import { requireOperator } from '../http/authorize.js';
import type { Principal } from '../identity/principal.js';
import { defaultWalletName, walletOwnerOf } from '../identity/wallet-address.js';
import { walletMissing } from '../wallets/find-wallet.js';
import { dryRunOf } from './dry-run.js';
import { isEmail, type Order } from './order.js';
import { findPayee, type Parties } from './parties.js';
import type { VisibleSides } from './transfer-json.js';

/** An order that its caller may give, in the ledger's words. */
export interface ResolvedOrder {
  readonly request: PostTransfer;
  readonly visible: VisibleSides;
}

/**
 * Checks that the caller may give this order: users pay from their own wallets to wallets, operators between any
 * accounts. Linked ones come without a key of their own.
 *
 * @throws {LedgerError} `account_not_found` for a wallet that is missing, or not the user's where it has to be
 * @throws {ProblemError} `recipient_not_found`, `forbidden`
 */
export function resolveOrder(
  principal: Principal,
  order: Order,
  parties: Parties,
  idempotencyKey?: string,
): ResolvedOrder {
  const { kind, id } = principal;
  const isOperator = kind === 'operator';
  const payer = parties.accounts.get(order.from);
  if (payer === undefined || !(isOperator || walletOwnerOf(payer.address) === id)) throw walletMissing();
  const payee = findPayee(order, parties);
  const payeeOwner = payee === undefined ? undefined : walletOwnerOf(payee.address);
  if (payee === undefined || !(isOperator || payeeOwner !== undefined)) throw payeeMissing(order);
  const request: { -readonly [Field in keyof PostTransfer]: PostTransfer[Field] } = {
    from: payer.id,
    to: payee.id,
    amount: parseAmount(order.amount),
    currency: order.currency,
  };
  if (order.description !== undefined) request.description = order.description;
  if (order.metadata !== undefined) request.metadata = order.metadata as Metadata;
  if (order.effectiveAt !== undefined) {
    requireOperator(principal, 'effectiveAt');
    request.effectiveAt = order.effectiveAt;
  }
  const visible = { from: true, to: isOperator || payeeOwner === id };
  const dryRun = dryRunOf(order.dryRun, visible);
  if (dryRun !== undefined) request.dryRun = dryRun;
  if (idempotencyKey !== undefined) {
    request.idempotencyKey = idempotencyKey;
    request.scope = id;
  }
  return { request, visible };
}

function payeeMissing({ to, currency }: Order): Error {
  if (!isEmail(to)) return new LedgerError('account_not_found', '"to" names no wallet');
  const name = defaultWalletName(currency);
  return new ProblemError('recipient_not_found', `nobody with this email has a wallet named "${name}" in ${currency}`);
}
