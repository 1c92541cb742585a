import { z } from '@hono/zod-openapi';
import { type Ledger, statementCsv } from '@micropay/ledger-core';
import { CSV, type Endpoint } from '../../http/endpoint.js';
import {
  CurrencyField,
  EXAMPLE_IDS,
  EXAMPLE_TIME,
  IdField,
  MinorUnitsField,
  NextCursorField,
  PageQuery,
  PayerField,
  pageOptions,
  TimeField,
} from '../../http/fields.js';
import { ByField, MomentField } from '../../http/moment-fields.js';
import { type LedgerServices, route } from '../../http/route.js';
import { type Principal, seesAll } from '../../identity/principal.js';
import { findWallet } from '../../wallets/find-wallet.js';
import { EntrySchema, EXAMPLE_ENTRY, entryJson } from '../entry-json.js';

const StatementSchema = z
  .object({
    accountId: IdField.openapi({ description: 'The wallet or account' }),
    currency: CurrencyField,
    scale: z.int().openapi({ description: 'Digits after the decimal point of the currency' }),
    by: ByField,
    from: TimeField,
    to: TimeField,
    opening: MinorUnitsField.openapi({
      description: 'The balance before the period, equal to the closing balance of the previous period',
    }),
    closing: MinorUnitsField.openapi({ description: 'The balance at the end of the whole period' }),
    data: z
      .array(EntrySchema)
      .openapi({ description: 'Oldest first; each balance is the running balance of this statement' }),
    nextCursor: NextCursorField,
  })
  .openapi('Statement');

const EXAMPLE_CSV = [
  'effective_at,recorded_at,transfer_id,kind,counterparty,description,debit,credit,balance,currency',
  '2026-03-01T00:00:00.000Z,,,opening,,,,,50.00,USD',
  '2026-04-01T00:00:00.000Z,,,closing,,,,,50.00,USD',
].join('\r\n');

const StatementQuery = z.strictObject({
  account: PayerField,
  from: MomentField,
  to: MomentField,
  by: ByField.optional(),
});

const CSV_ENTRIES_IN_TURN = 1_000;

const getStatementEndpoint = {
  operationId: 'getStatement',
  method: 'get',
  path: '/v1/statements',
  tag: 'Wallets',
  summary: 'Get a statement: opening balance, entries and closing balance of a period',
  description:
    'Users get statements of their wallets, operators of any account. The period is half-open: March is from 2026-03-01 to ' +
    '2026-04-01. Days begin and end in the ledger’s time zone.',
  access: 'either',
  scope: 'accounts:read',
  query: PageQuery.extend(StatementQuery.shape),
  answer: {
    status: 200,
    description: 'A page of the statement',
    content: {
      schema: StatementSchema,
      example: {
        accountId: EXAMPLE_IDS.wallet,
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
  refusals: ['account_not_found', 'invalid_cursor', 'invalid_period'],
} as const satisfies Endpoint;

const getStatementFileEndpoint = {
  operationId: 'getStatementFile',
  method: 'get',
  path: '/v1/statements/csv',
  tag: 'Wallets',
  summary: 'Download a whole statement as CSV, with decimal amounts',
  access: 'either',
  scope: 'accounts:read',
  query: StatementQuery,
  answer: { status: 200, description: 'The file', csv: EXAMPLE_CSV },
  refusals: ['account_not_found', 'invalid_period'],
} as const satisfies Endpoint;

export const getStatementRoute = route(
  getStatementEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, query }) => {
      const id = await findAccount(ledger, principal, query);
      const { from, to, by = 'recorded' } = query;
      const statement = await ledger.accounts.statement(id, { from, to, by, ...pageOptions(query) });
      const body = {
        accountId: statement.account.id,
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
      return { body };
    },
);

const FILE_HEADERS = {
  'content-type': `${CSV}; charset=utf-8`,
  'content-disposition': 'attachment; filename="statement.csv"',
};

export const getStatementFileRoute = route(
  getStatementFileEndpoint,
  ({ ledger }: LedgerServices) =>
    async ({ principal, query }) => {
      const id = await findAccount(ledger, principal, query);
      const { from, to, by = 'recorded' } = query;
      const statement = await ledger.accounts.statement(id, { from, to, by, limit: CSV_ENTRIES_IN_TURN });
      return { body: undefined, headers: FILE_HEADERS, text: statementCsv(statement) };
    },
);

async function findAccount(
  ledger: Ledger,
  principal: Principal,
  { account }: { readonly account: string },
): Promise<string> {
  return seesAll(principal) ? account : (await findWallet(ledger, principal, account)).id;
}
