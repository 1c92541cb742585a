import { LedgerError, type Metadata, type PostTransfer, parseAmount } from '@micropay/ledger-core';
import { ProblemError } from '../errors/problem.js';
import { requireOperator } from '../http/authorize.js';
import type { Principal } from '../identity/principal.js';
import { defaultWalletName, walletOwnerOf } from '../identity/wallet-address.js';
import { walletMissing } from '../wallets/find-wallet.js';
import { dryRunOf } from './dry-run.js';
import { findPayee, type Parties } from './parties.js';
import { isEmail, type PostTransferJson } from './post-transfer-json.js';
import type { VisibleSides } from './transfer-json.js';

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
