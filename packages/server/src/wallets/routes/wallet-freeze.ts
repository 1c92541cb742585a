import { ChangeReasonSchema, FreezeSchema } from '../../accounts/freeze-fields.js';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams } from '../../http/fields.js';
import { given } from '../../http/given.js';
import { type LedgerServices, route } from '../../http/route.js';
import { auditOf } from '../../identity/audit.js';
import { findWallet } from '../find-wallet.js';
import { EXAMPLE_WALLET, WalletSchema, walletJson } from '../wallet-json.js';

const freezeWalletEndpoint = {
  operationId: 'freezeWallet',
  method: 'post',
  path: '/v1/wallets/{id}/freeze',
  tag: 'Operators',
  summary: 'Freeze a wallet',
  description: 'New transfers on the chosen side are refused. A later call replaces the side.',
  access: 'staff',
  scope: 'accounts:freeze',
  params: IdParams,
  body: { schema: FreezeSchema, example: { side: 'debits', reason: 'Ticket 1042' }, optional: true },
  answer: {
    status: 200,
    description: 'The wallet, frozen',
    content: { schema: WalletSchema, example: { ...EXAMPLE_WALLET, status: 'frozen_debits' } },
  },
  refusals: ['account_not_found', 'account_closed', 'account_busy'],
} as const satisfies Endpoint;

const unfreezeWalletEndpoint = {
  operationId: 'unfreezeWallet',
  method: 'post',
  path: '/v1/wallets/{id}/unfreeze',
  tag: 'Operators',
  summary: 'Unfreeze a wallet',
  access: 'staff',
  scope: 'accounts:freeze',
  params: IdParams,
  body: { schema: ChangeReasonSchema, example: { reason: 'Ticket 1042' }, optional: true },
  answer: { status: 200, description: 'The wallet, open', content: { schema: WalletSchema, example: EXAMPLE_WALLET } },
  refusals: ['account_not_found', 'account_closed', 'account_busy'],
} as const satisfies Endpoint;

export const freezeWalletRoute = route(
  freezeWalletEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body }) => {
      const { id } = await findWallet(ledger, principal, params.id);
      const { side, reason } = body;
      return {
        body: walletJson(await ledger.accounts.freeze(id, { ...given({ side }), ...auditOf(principal, reason) })),
      };
    },
);

export const unfreezeWalletRoute = route(
  unfreezeWalletEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, body }) => {
      const { id } = await findWallet(ledger, principal, params.id);
      return { body: walletJson(await ledger.accounts.unfreeze(id, auditOf(principal, body.reason))) };
    },
);
