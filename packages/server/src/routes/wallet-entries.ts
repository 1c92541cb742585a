import type { Endpoint } from '../http/endpoint.js';
import { IdParams, PageQuery } from '../http/fields.js';
import { EntryPageSchema, EXAMPLE_ENTRY } from '../wallets/entry-json.js';

export const listEntriesEndpoint = {
  operationId: 'listEntries',
  method: 'get',
  path: '/v1/wallets/{id}/entries',
  tag: 'Wallets',
  summary: 'The history of a wallet, newest first',
  access: 'either',
  params: IdParams,
  query: PageQuery,
  answer: {
    status: 200,
    description: 'A page of entries',
    content: { schema: EntryPageSchema, example: { data: [EXAMPLE_ENTRY], nextCursor: null } },
  },
  refusals: ['account_not_found', 'invalid_cursor'],
} as const satisfies Endpoint;
