import { z } from '@hono/zod-openapi';
import type { Endpoint } from '../../http/endpoint.js';
import { IdParams, PageQuery, pageOptions } from '../../http/fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import { findWallet } from '../../wallets/find-wallet.js';
import { EXAMPLE_HOLD, HoldPageSchema, holdJson } from '../hold-json.js';

const HoldsQuery = PageQuery.extend({
  open: z.enum(['true', 'false']).optional().openapi({ description: '`true` lists open holds only' }),
});

const listHoldsEndpoint = {
  operationId: 'listHolds',
  method: 'get',
  path: '/v1/wallets/{id}/holds',
  tag: 'Holds',
  summary: 'List the holds from and for a wallet, newest first',
  access: 'either',
  scope: 'transfers:read',
  params: IdParams,
  query: HoldsQuery,
  answer: {
    status: 200,
    description: 'A page of holds',
    content: { schema: HoldPageSchema, example: { data: [EXAMPLE_HOLD], nextCursor: null } },
  },
  refusals: ['account_not_found', 'invalid_cursor'],
} as const satisfies Endpoint;

export const listHoldsRoute = route(
  listHoldsEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, params, query }) => {
      const { id } = await findWallet(ledger, principal, params.id);
      const page = await ledger.holds.list(id, { ...pageOptions(query), openOnly: query.open === 'true' });
      return { body: { data: page.data.map(holdJson), nextCursor: page.nextCursor } };
    },
);
