import { z } from '@hono/zod-openapi';
import { type Ledger, type Metadata, type PostedTransfer, type PostTransfer, parseAmount } from '@micropay/ledger-core';
import { fromKysely } from '@micropay/ledger-core/kysely';
import type { Database } from '../../database/connect.js';
import { rolledBack } from '../../database/rolled-back.js';
import {
  AmountField,
  CurrencyField,
  DescriptionField,
  DryRunField,
  EffectiveAtField,
  EXAMPLE_IDS,
  MetadataField,
  ReferenceField,
  WalletIdField,
} from '../../http/fields.js';
import { given } from '../../http/given.js';
import { type LedgerServices, route } from '../../http/route.js';
import type { Operator } from '../../identity/principal.js';
import { worldAddress } from '../../identity/wallet-address.js';
import { POSTING_REFUSALS } from '../../transfers/posting-refusals.js';
import { EXAMPLE_TRANSFER, TransferSchema, transferAnswer } from '../../transfers/transfer-json.js';
import { findWallet } from '../../wallets/find-wallet.js';
import { ensureWorldAccount } from '../world-account.js';

interface DepositServices extends LedgerServices {
  readonly database: Database;
}

const CashSchema = z.strictObject({
  wallet: WalletIdField,
  amount: AmountField,
  currency: CurrencyField,
  description: DescriptionField.optional(),
  metadata: MetadataField.optional(),
  reference: ReferenceField.optional(),
  effectiveAt: EffectiveAtField.optional(),
  dryRun: DryRunField.optional(),
});
const EXAMPLE_CASH = { wallet: EXAMPLE_IDS.wallet, amount: '5000', currency: 'USD' };
const EXAMPLE_WORLD_ID = '0199a1d2-4f00-7a01-8e3c-9c0d1f2a3b44';

interface CashMovement {
  readonly operationId: string;
  readonly path: string;
  readonly summary: string;
  /** The name of the request body in the OpenAPI document. */
  readonly schemaName: string;
  /** The side of the transfer that is the wallet; the other one is the `world:` account. */
  readonly walletSide: 'from' | 'to';
  /** The balance of both accounts afterwards in the example of the OpenAPI document. */
  readonly exampleBalance: string;
}

export const createDepositRoute = cashRoute({
  operationId: 'createDeposit',
  path: '/v1/deposits',
  summary: 'Deposit money into a wallet from outside the ledger',
  schemaName: 'CreateDeposit',
  walletSide: 'to',
  exampleBalance: '5000',
});

export const createWithdrawalRoute = cashRoute({
  operationId: 'createWithdrawal',
  path: '/v1/withdrawals',
  summary: 'Withdraw money from a wallet out of the ledger',
  schemaName: 'CreateWithdrawal',
  walletSide: 'from',
  exampleBalance: '0',
});

function cashRoute({ operationId, path, summary, schemaName, walletSide, exampleBalance }: CashMovement) {
  const sides = <Side>(wallet: Side, world: Side) =>
    walletSide === 'to' ? { from: world, to: wallet } : { from: wallet, to: world };
  return route(
    {
      operationId,
      method: 'post',
      path,
      tag: 'Operators',
      summary,
      access: 'operator',
      scope: 'transfers:write',
      idempotencyKey: 'required',
      dryRun: true,
      subject: 'wallet',
      body: { schema: CashSchema.openapi(schemaName), example: EXAMPLE_CASH },
      answer: {
        status: 201,
        description: 'The transfer, posted now or by an earlier request with this key',
        content: {
          schema: TransferSchema,
          example: {
            ...EXAMPLE_TRANSFER,
            ...sides(EXAMPLE_IDS.wallet, EXAMPLE_WORLD_ID),
            amount: '5000',
            description: null,
            fromBalance: exampleBalance,
            toBalance: exampleBalance,
          },
        },
      },
      refusals: POSTING_REFUSALS,
    },
    (services: DepositServices) =>
      async ({ principal, body, idempotencyKey }) => {
        const { world, wallet, request } = await resolveCash(services.ledger, principal, body);
        const transfer = await postCash(services, { ...request, ...sides<string>(wallet, world), idempotencyKey });
        return transferAnswer(transfer, BOTH_SIDES);
      },
  );
}

const BOTH_SIDES = { from: true, to: true };

/** Resolves what deposits and withdrawals share: a wallet, the account of the world outside, and the amount. */
async function resolveCash(ledger: Ledger, operator: Operator, cash: z.output<typeof CashSchema>) {
  const { amount, currency, description, metadata, reference, effectiveAt, dryRun } = cash;
  const wallet = await findWallet(ledger, operator, cash.wallet);
  return {
    wallet: wallet.id,
    world: worldAddress(currency),
    request: {
      amount: parseAmount(amount),
      currency,
      scope: operator.id,
      ...given({ description, metadata: metadata as Metadata | undefined, reference, effectiveAt, dryRun }),
    },
  };
}

/** Posts a deposit or withdrawal; the first one in a currency opens the `world:` account of that currency. */
async function postCash({ ledger, database }: DepositServices, request: PostTransfer): Promise<PostedTransfer> {
  const { currency, dryRun } = request;
  if (dryRun !== true || (await ledger.accounts.identify(worldAddress(currency))) !== undefined) {
    await ensureWorldAccount(ledger, { address: worldAddress(currency), currency });
    return ledger.transfers.post(request);
  }
  // The request cannot be checked without that account, and a dry run must not create it.
  return rolledBack(database, async (transaction) => {
    const { accounts, transfers } = ledger.within(fromKysely(transaction));
    await accounts.ensure({ address: worldAddress(currency), currency });
    return transfers.post(request);
  });
}
