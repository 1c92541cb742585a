import { z } from '@hono/zod-openapi';
import { fromKysely } from '@micropay/ledger-core/kysely';
import { readBalanceAt } from '../../accounts/read-balance-at.js';
import type { Database } from '../../database/connect.js';
import { userGone } from '../../errors/token-refused.js';
import type { Endpoint } from '../../http/endpoint.js';
import { CurrencyField, IdParams, NextCursorField, PageQuery, pageOptions } from '../../http/fields.js';
import { AsOfQuery, momentAskedFor } from '../../http/moment-fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import { defaultWalletName, walletAddress, walletsPrefixOf } from '../../identity/wallet-address.js';
import { lockUser } from '../../users/users.js';
import { findWallet } from '../find-wallet.js';
import { EXAMPLE_WALLET, WalletSchema, walletJson } from '../wallet-json.js';

interface WalletServices extends LedgerServices {
  readonly database: Database;
}

const OpenWalletSchema = z
  .strictObject({
    currency: CurrencyField,
    name: z
      .string()
      .regex(/^[a-z0-9][a-z0-9_-]{0,39}$/, 'must be 1 to 40 of a-z, 0-9, "_" and "-"')
      .optional()
      .openapi({ description: 'Unique among your wallets. Default: the currency in lower case', example: 'eur' }),
  })
  .openapi('OpenWallet');

const WalletPageSchema = z.object({ data: z.array(WalletSchema), nextCursor: NextCursorField }).openapi('WalletPage');

const listWalletsEndpoint = {
  operationId: 'listWallets',
  method: 'get',
  path: '/v1/wallets',
  tag: 'Wallets',
  summary: 'List your wallets by name',
  access: 'user',
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of wallets',
    content: { schema: WalletPageSchema, example: { data: [EXAMPLE_WALLET], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const openWalletEndpoint = {
  operationId: 'openWallet',
  method: 'post',
  path: '/v1/wallets',
  tag: 'Wallets',
  summary: 'Open another wallet',
  access: 'user',
  body: { schema: OpenWalletSchema, example: { currency: 'EUR' } },
  answer: {
    status: 201,
    description: 'The wallet, empty',
    content: {
      schema: WalletSchema,
      example: { ...EXAMPLE_WALLET, name: 'eur', currency: 'EUR', balance: '0', available: '0' },
    },
  },
  refusals: ['unknown_currency', 'account_exists'],
} as const satisfies Endpoint;

const getWalletEndpoint = {
  operationId: 'getWallet',
  method: 'get',
  path: '/v1/wallets/{id}',
  tag: 'Wallets',
  summary: 'Get a wallet and its balance',
  description:
    'Users see their own wallets, operators every wallet. With `at`, the balance and the pending amounts are as of that time, the balance by recorded or effective time; everything else is current.',
  access: 'either',
  scope: 'accounts:read',
  params: IdParams,
  query: AsOfQuery,
  answer: { status: 200, description: 'The wallet', content: { schema: WalletSchema, example: EXAMPLE_WALLET } },
  refusals: ['account_not_found'],
} as const satisfies Endpoint;

export const listWalletsRoute = route(
  listWalletsEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, query }) => {
      const page = await ledger.accounts.list({ prefix: walletsPrefixOf(principal.id), ...pageOptions(query) });
      return { body: { data: page.data.map(walletJson), nextCursor: page.nextCursor } };
    },
);

export const openWalletRoute = route(
  openWalletEndpoint,
  ({ ledger, database }: WalletServices) =>
    async ({ principal, body }) => {
      const { currency, name = defaultWalletName(currency) } = body;
      const address = walletAddress(principal.id, name);
      const wallet = await database.transaction().execute(async (transaction) => {
        // Who closes the account waits for this wallet, or this waits and finds nobody.
        const user = await lockUser(transaction, ledger.name, principal.id);
        if (user === undefined) throw userGone();
        return ledger.within(fromKysely(transaction)).accounts.open({ address, currency });
      });
      return { body: walletJson(wallet) };
    },
);

export const getWalletRoute = route(
  getWalletEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, query }) => {
      const { id } = await findWallet(ledger, principal, params.id);
      const body = walletJson(await ledger.accounts.get(id));
      const moment = momentAskedFor(query);
      if (moment === undefined) return { body };
      const { posted, ...then } = await readBalanceAt(ledger, id, moment);
      return { body: { ...body, ...then, balance: posted } };
    },
);
