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
    address: AddressField.regex(
      /^(?!users:)/,
      'must not begin with "users:": those accounts are wallets, and their users open them',
    ).openapi({
      pattern: `^(?!users:)${ADDRESS}$`,
    }),
    currency: CurrencyField,
    type: AccountTypeField.optional().openapi({
      description: 'Default: `liability`, or `asset` for an address that begins with `world:`',
    }),
    minimum: limitField('(?:0|-[1-9][0-9]{0,37})', 'must be "0" or below: a new account starts at zero')
      .optional()
      .openapi({ description: 'Default: "0", or null for an address that begins with `world:`' }),
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
  tag: 'Operators',
  summary: 'List accounts by address',
  access: 'staff',
  scope: 'accounts:read',
  query: PageQuery.extend({
    prefix: z
      .string()
      .regex(/^[a-zA-Z0-9_.:-]{1,200}$/, 'must be the beginning of an address')
      .optional()
      .openapi({ description: 'Include only addresses that begin with this text', example: 'fees:' }),
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
  tag: 'Operators',
  summary: 'Open an account',
  description:
    'For accounts that no user owns, such as fees, taxes and trading accounts. Users open their own wallets.',
  access: 'operator',
  scope: 'accounts:write',
  subject: 'address',
  body: { schema: OpenAccountSchema, example: { address: 'fees:card:usd', currency: 'USD', type: 'income' } },
  answer: { status: 201, description: 'The account', content: { schema: AccountSchema, example: EXAMPLE_ACCOUNT } },
  refusals: ['invalid_address', 'unknown_currency', 'account_exists'],
} as const satisfies Endpoint;

const getAccountEndpoint = {
  operationId: 'getAccount',
  method: 'get',
  path: '/v1/accounts/{id}',
  tag: 'Operators',
  summary: 'Get an account and its balance',
  description:
    'Names the account by id or address. With `at`, the balance and the pending amounts are as of that time; everything else is current.',
  access: 'staff',
  scope: 'accounts:read',
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
    // It was parsed from JSON, so it is JSON.
    ...(metadata === undefined ? {} : { metadata: metadata as Metadata }),
  });
  return { body: accountJson(account) };
});

export const getAccountRoute = route(getAccountEndpoint, ({ ledger }: LedgerServices) => async ({ params, query }) => {
  const body = accountJson(await ledger.accounts.get(params.id));
  const moment = momentAskedFor(query);
  return moment === undefined ? { body } : { body: { ...body, ...(await readBalanceAt(ledger, body.id, moment)) } };
});
