import { z } from '@hono/zod-openapi';
import { statementCsv } from '@micropay/ledger-core';
import type { Endpoint } from '../http/endpoint.js';
import {
  CurrencyField,
  EXAMPLE_IDS,
  EXAMPLE_TIME,
  IdField,
  IdParams,
  MinorUnitsField,
  NextCursorField,
  PageQuery,
  pageOptions,
  TimeField,
} from '../http/fields.js';
import { ByField, MomentField } from '../http/moment-fields.js';
import { route } from '../http/route.js';
import { EntrySchema, EXAMPLE_ENTRY, entryJson } from '../wallets/entry-json.js';
import { findWallet } from '../wallets/find-wallet.js';

const StatementSchema = z
  .object({
    walletId: IdField,
    currency: CurrencyField,
    scale: z.int().openapi({ description: 'Digits after the decimal point of the currency' }),
    by: ByField,
    from: TimeField,
    to: TimeField,
    opening: MinorUnitsField.openapi({ description: 'The balance before the period: the closing of the one before' }),
    closing: MinorUnitsField.openapi({ description: 'The balance at the end of the whole period' }),
    data: z.array(EntrySchema).openapi({ description: 'Oldest first; each balance is in the order of the statement' }),
    nextCursor: NextCursorField,
  })
  .openapi('Statement');

const getStatementEndpoint = {
  operationId: 'getStatement',
  method: 'get',
  path: '/v1/wallets/{id}/statement',
  tag: 'Wallets',
  summary: 'A statement: opening, entries of a period in order, closing',
  description:
    'The period is half-open: March is from 2026-03-01 to 2026-04-01. Days are those of the ledger’s time zone. With `format=csv` the answer is all of it as `text/csv`.',
  access: 'either',
  params: IdParams,
  query: PageQuery.extend({
    from: MomentField,
    to: MomentField,
    by: ByField.optional(),
    format: z.enum(['json', 'csv']).optional().openapi({ description: 'json when left out' }),
  }),
  answer: {
    status: 200,
    description: 'A page of the statement',
    content: {
      schema: StatementSchema,
      example: {
        walletId: EXAMPLE_IDS.wallet,
        currency: 'USD',
        scale: 2,
        by: 'recorded',
        from: EXAMPLE_TIME,
        to: '2026-12-01T00:00:00.000Z',
        opening: '5000',
        closing: '3750',
        data: [EXAMPLE_ENTRY],
        nextCursor: null,
      },
    },
  },
  refusals: ['account_not_found', 'invalid_cursor'],
} as const satisfies Endpoint;

export const getStatementRoute = route(getStatementEndpoint, ({ ledger }) => async ({ principal, params, query }) => {
  const { id } = await findWallet(ledger, principal, params.id);
  const { from, to, by = 'recorded', format } = query;
  const statement = await ledger.accounts.statement(id, { from, to, by, ...pageOptions(query) });
  const body = {
    walletId: id,
    currency: statement.account.currency,
    scale: statement.scale,
    by,
    from: statement.from.toISOString(),
    to: statement.to.toISOString(),
    opening: String(statement.opening),
    closing: String(statement.closing),
    data: statement.data.map((entry) => ({ ...entryJson(entry), balance: String(entry.balance) })),
    nextCursor: statement.nextCursor,
  };
  if (format !== 'csv') return { body };
  const headers = {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': 'attachment; filename="statement.csv"',
  };
  return { body, headers, text: statementCsv(statement) };
});
