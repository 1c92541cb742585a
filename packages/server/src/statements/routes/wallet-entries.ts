import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, PageQuery, pageOptions } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import { findWallet } from '../../wallets/find-wallet.js';
import { EntryPageSchema, EXAMPLE_ENTRY, entryJson } from '../entry-json.js';

const listEntriesEndpoint = {
  operationId: 'listEntries',
  method: 'get',
  path: '/v1/wallets/{id}/entries',
  tag: 'Wallets',
  summary: 'List the entries of a wallet, newest first',
  access: 'either',
  scope: 'accounts:read',
  params: IdParams,
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of entries',
    content: { schema: EntryPageSchema, example: { data: [EXAMPLE_ENTRY], nextCursor: null } },
  },
  refusals: ['account_not_found', 'invalid_cursor'],
} as const satisfies Endpoint;

export const listEntriesRoute = route(
  listEntriesEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, query }) => {
      const { id } = await findWallet(ledger, principal, params.id);
      const page = await ledger.accounts.entries(id, pageOptions(query));
      return { body: { data: page.data.map(entryJson), nextCursor: page.nextCursor } };
    },
);
