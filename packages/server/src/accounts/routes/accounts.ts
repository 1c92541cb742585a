import { z } from '@hono/zod-openapi';
import type { Metadata } from '@micropay/ledger-core';
import type { Endpoint } from '../../http/endpoint.js';
import {
  ADDRESS,
  AddressField,
  CurrencyField,
  MetadataField,
  NextCursorField,
  PageQuery,
  pageOptions,
  ReferenceParams,
} from '../../http/fields.js';
import { AsOfQuery, momentAskedFor } from '../../http/moment-fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import {
  AccountSchema,
  AccountTypeField,
  accountJson,
  EXAMPLE_ACCOUNT,
  limitField,
  limitsOf,
} from '../account-json.js';
import { readBalanceAt } from '../read-balance-at.js';

const OpenAccountSchema = z
  .strictObject({
    address: AddressField.regex(/^(?!users:)/, 'what is below "users:" are wallets, and their users open them').openapi(
      {
        pattern: `^(?!users:)${ADDRESS}$`,
      },
    ),
    currency: CurrencyField,
    type: AccountTypeField.optional().openapi({ description: 'liability when left out; asset below world:' }),
    minimum: limitField('(?:0|-[1-9][0-9]{0,37})', 'must be "0" or below: a new account starts at zero')
      .optional()
      .openapi({ description: '"0" when left out; null below world:' }),
    maximum: limitField('(?:0|[1-9][0-9]{0,37})', 'must be "0" or above: a new account starts at zero').optional(),
    metadata: MetadataField.optional(),
  })
  .openapi('OpenAccount');

const AccountPageSchema = z
  .object({ data: z.array(AccountSchema), nextCursor: NextCursorField })
  .openapi('AccountPage');

const listAccountsEndpoint = {
  operationId: 'listAccounts',
  method: 'get',
  path: '/v1/accounts',
  tag: 'Operation',
  summary: 'Accounts in order of their addresses',
  access: 'operator',
  query: PageQuery.extend({
    prefix: z
      .string()
      .regex(/^[a-zA-Z0-9_.:-]{1,200}$/, 'must be the beginning of an address')
      .optional()
      .openapi({ description: 'The beginning of their addresses', example: 'fees:' }),
  }),
  answer: {
    status: 200,
    description: 'A page of accounts',
    content: { schema: AccountPageSchema, example: { data: [EXAMPLE_ACCOUNT], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

const openAccountEndpoint = {
  operationId: 'openAccount',
  method: 'post',
  path: '/v1/accounts',
  tag: 'Operation',
  summary: 'Open an account',
  description: 'For what no user owns: fees, taxes, trading accounts. Users open their own wallets.',
  access: 'operator',
  body: { schema: OpenAccountSchema, example: { address: 'fees:card:usd', currency: 'USD', type: 'income' } },
  answer: { status: 201, description: 'The account', content: { schema: AccountSchema, example: EXAMPLE_ACCOUNT } },
  refusals: ['invalid_address', 'unknown_currency', 'account_exists'],
} as const satisfies Endpoint;

const getAccountEndpoint = {
  operationId: 'getAccount',
  method: 'get',
  path: '/v1/accounts/{id}',
  tag: 'Operation',
  summary: 'An account and its balance',
  description:
    'By its id or its address. With `at`, the balance and the pending amounts are those as of it; all else is of now.',
  access: 'operator',
  params: ReferenceParams,
  query: AsOfQuery,
  answer: { status: 200, description: 'The account', content: { schema: AccountSchema, example: EXAMPLE_ACCOUNT } },
  refusals: ['account_not_found'],
} as const satisfies Endpoint;

export const listAccountsRoute = route(listAccountsEndpoint, ({ ledger }: LedgerServices) => async ({ query }) => {
  const { prefix = '' } = query;
  const page = await ledger.accounts.list({ prefix, ...pageOptions(query) });
  return { body: { data: page.data.map(accountJson), nextCursor: page.nextCursor } };
});

export const openAccountRoute = route(openAccountEndpoint, ({ ledger }: LedgerServices) => async ({ body }) => {
  const { address, currency, type, metadata } = body;
  const account = await ledger.accounts.open({
    address,
    currency,
    ...limitsOf(body),
    ...(type === undefined ? {} : { type }),
    // What came as JSON is JSON.
    ...(metadata === undefined ? {} : { metadata: metadata as Metadata }),
  });
  return { body: accountJson(account) };
});

export const getAccountRoute = route(getAccountEndpoint, ({ ledger }: LedgerServices) => async ({ params, query }) => {
  const body = accountJson(await ledger.accounts.get(params.id));
  const moment = momentAskedFor(query);
  return moment === undefined ? { body } : { body: { ...body, ...(await readBalanceAt(ledger, body.id, moment)) } };
});
