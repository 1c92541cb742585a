import {
  type Ledger,
  LedgerError,
  type Page,
  parseAmount,
  type Transfer,
  type TransferListOptions,
} from '@micropay/ledger-core';
import { ProblemError } from '../errors/problem.js';
import { isId, pageOptions } from '../http/fields.js';
import { given } from '../http/given.js';
import { type Principal, seesAll } from '../identity/principal.js';
import { walletOwnerOf, walletsPathOf } from '../identity/wallet-address.js';
import { findWallet } from '../wallets/find-wallet.js';
import type { VisibleSides } from './transfer-json.js';
import { kindsOf, type TransferListAsked } from './transfer-list-query.js';

/**
 * The transfers that a caller asks for, of those that they may see: to a user only the rows of their own wallets are looked at, so that
 * neither an answer nor its cursor or its time depends on the transfers of others.
 *
 * @throws {LedgerError} as `transfers.list`; `account_not_found` for a wallet that is not theirs
 * @throws {ProblemError} `forbidden` for what only operators ask
 */
export async function findTransfers(
  ledger: Ledger,
  principal: Principal,
  query: TransferListAsked,
): Promise<Page<Transfer>> {
  const { limit, cursor, kinds, amountMin, amountMax, idempotencyKey, principal: owner, ...others } = query;
  const options: TransferListOptions = given({
    ...others,
    ...pageOptions({ limit, cursor }),
    kinds: kindsOf(kinds),
    amountMin: amountMin === undefined ? undefined : parseAmount(amountMin),
    amountMax: amountMax === undefined ? undefined : parseAmount(amountMax),
    idempotencyKey,
    scope: scopeOf(query, principal),
  });
  if (principal.kind === 'operator' || seesAll(principal)) return ledger.transfers.list(options);
  if (query.accountPath !== undefined) throw forOperators('accountPath');
  if (owner !== undefined) throw forOperators('principal');
  if (query.account !== undefined) await findWallet(ledger, principal, query.account);
  const { counterparty } = query;
  return ledger.transfers
    .list({
      ...options,
      // Users know accounts by the ids that we gave out: an address would let them guess which accounts there are.
      ...given({ counterparty: counterparty === undefined || isId(counterparty) ? counterparty : NOBODY }),
      accountPath: walletsPathOf(principal.id),
    })
    .catch(nameWallet);
}

/** An id that no account has. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Users send no path: one of too many accounts is that of their own wallets. */
function nameWallet(error: unknown): never {
  if (!(error instanceof LedgerError && error.code === 'filter_too_broad')) throw error;
  const message = 'you have too many wallets to search them all: name one of them as "account"';
  throw new LedgerError('filter_too_broad', message, { field: 'account', add: 'account' }, { cause: error });
}

/** Without a key there is no scope to name. */
function scopeOf({ idempotencyKey, principal: owner }: TransferListAsked, { id }: Principal): string | undefined {
  return idempotencyKey === undefined ? owner : (owner ?? id);
}

function forOperators(field: string): ProblemError {
  return new ProblemError('forbidden', `only operators and support may send "${field}"`);
}

/** The sides of each transfer whose balance its reader may see. */
export async function visibleSidesOf(
  ledger: Ledger,
  principal: Principal,
  transfers: readonly Transfer[],
): Promise<(transfer: Transfer) => VisibleSides> {
  if (seesAll(principal)) return () => ({ from: true, to: true });
  const accounts = await ledger.accounts.identifyMany(transfers.flatMap(({ from, to }) => [from, to]));
  const owns = (id: string) => walletOwnerOf(accounts.get(id)?.address ?? '') === principal.id;
  return ({ from, to }) => ({ from: owns(from), to: owns(to) });
}
