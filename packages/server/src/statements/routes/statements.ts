import { z } from '@hono/zod-openapi';
import { type Ledger, type Statement, statementCamt053, statementCsv } from '@micropay/ledger-core';
import type { Endpoint } from '../../http/endpoint.js';
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
import type { StatementServices } from '../statement-pdf.js';

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

const EXAMPLE_XML = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"><BkToCstmrStmt>…</BkToCstmrStmt></Document>
`;

const StatementQuery = z.strictObject({
  account: PayerField,
  from: MomentField,
  to: MomentField,
  by: ByField.optional(),
});

const FILES = {
  csv: { mediaType: 'text/csv', type: 'text/csv; charset=utf-8', name: 'statement.csv' },
  pdf: { mediaType: 'application/pdf', type: 'application/pdf', name: 'statement.pdf' },
  camt053: { mediaType: 'application/xml', type: 'application/xml', name: 'statement.xml' },
} as const;

const FileQuery = StatementQuery.extend({
  format: z
    .enum(['csv', 'pdf', 'camt053'])
    .default('csv')
    .openapi({
      description:
        '`csv`: for spreadsheets. `pdf`: for people, with at most 2,000 entries. `camt053`: for banking software (ISO 20022, ' +
        'camt.053.001.08)',
    }),
  locale: z
    .string()
    .regex(/^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$/, 'must be a language tag such as en or de-AT')
    .default('en')
    .openapi({
      description: 'The language and the formats of a PDF: words in English or German, numbers and dates of any locale',
    }),
});

const ENTRIES_IN_TURN = 1_000;

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
  path: '/v1/statements/file',
  tag: 'Wallets',
  summary: 'Download a whole statement as CSV, PDF or camt.053, with decimal amounts',
  access: 'either',
  scope: 'accounts:read',
  query: FileQuery,
  answer: {
    status: 200,
    description: 'The file',
    files: {
      [FILES.csv.mediaType]: EXAMPLE_CSV,
      [FILES.pdf.mediaType]: undefined,
      [FILES.camt053.mediaType]: EXAMPLE_XML,
    },
  },
  refusals: ['account_not_found', 'invalid_period', 'format_unsuitable', 'overloaded'],
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

export const getStatementFileRoute = route(
  getStatementFileEndpoint,
  ({ ledger, statementPdfs }: StatementServices) =>
    async ({ principal, query }) => {
      const id = await findAccount(ledger, principal, query);
      const { from, to, by = 'recorded', format, locale } = query;
      const statement = await ledger.accounts.statement(id, { from, to, by, limit: ENTRIES_IN_TURN });
      const { type, name } = FILES[format];
      return {
        body: undefined,
        headers: { 'content-type': type, 'content-disposition': `attachment; filename="${name}"` },
        file: await write[format](statement, { statementPdfs, locale, asker: principal.id }),
      };
    },
);

const write = {
  csv: (statement: Statement) => begun(statementCsv(statement)),
  camt053: (statement: Statement) => begun(statementCamt053(statement)),
  pdf: async (
    statement: Statement,
    { statementPdfs, locale, asker }: Pick<StatementServices, 'statementPdfs'> & { locale: string; asker: string },
  ) => [await statementPdfs.make(statement, locale, asker)],
};

/** With its first piece, so that what is refused is refused with a status of its own. */
async function begun(pieces: AsyncGenerator<string>): Promise<AsyncIterable<string>> {
  const first = await pieces.next();
  return (async function* () {
    if (!first.done) yield first.value;
    yield* pieces;
  })();
}

async function findAccount(
  ledger: Ledger,
  principal: Principal,
  { account }: { readonly account: string },
): Promise<string> {
  return seesAll(principal) ? account : (await findWallet(ledger, principal, account)).id;
}
