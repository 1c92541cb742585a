import { z } from '@hono/zod-openapi';
import { type Ledger, statementCsv } from '@micropay/ledger-core';
import { authorize } from '../auth/authenticate.js';
import type { Principal } from '../auth/principal.js';
import { CSV, type Endpoint } from '../http/endpoint.js';
import {
  CurrencyField,
  EXAMPLE_IDS,
  EXAMPLE_TIME,
  IdField,
  MinorUnitsField,
  NextCursorField,
  PageQuery,
  pageOptions,
  TimeField,
  WalletIdField,
} from '../http/fields.js';
import { ByField, MomentField } from '../http/moment-fields.js';
import { route } from '../http/route.js';
import { EntrySchema, EXAMPLE_ENTRY, entryJson } from '../wallets/entry-json.js';
import { findWallet } from '../wallets/find-wallet.js';

const StatementSchema = z
  .object({
    accountId: IdField.openapi({ description: 'The wallet or account' }),
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

const EXAMPLE_CSV = [
  'effective_at,recorded_at,transfer_id,kind,counterparty,description,debit,credit,balance,currency',
  '2026-03-01T00:00:00.000Z,,,opening,,,,,50.00,USD',
  '2026-04-01T00:00:00.000Z,,,closing,,,,,50.00,USD',
].join('\r\n');

const StatementQuery = PageQuery.extend({
  wallet: WalletIdField.optional(),
  account: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: 'For operators, in place of `wallet`: the id or the address of an account' }),
  from: MomentField,
  to: MomentField,
  by: ByField.optional(),
  format: z.enum(['json', 'csv']).optional().openapi({ description: 'json when left out; csv has no pages' }),
})
  .refine(({ wallet, account }) => (wallet === undefined) !== (account === undefined), {
    path: ['wallet'],
    error: 'needs to be there, or "account" in its place',
  })
  .refine(({ format, limit, cursor }) => format !== 'csv' || (limit === undefined && cursor === undefined), {
    path: ['format'],
    error: 'csv is all of a statement: leave out limit and cursor',
  });

const CSV_ENTRIES_IN_TURN = 1_000;

const getStatementEndpoint = {
  operationId: 'getStatement',
  method: 'get',
  path: '/v1/statements',
  tag: 'Wallets',
  summary: 'A statement: opening, entries of a period in order, closing',
  description:
    'Of a wallet, or for operators of any account. The period is half-open: March is from 2026-03-01 to 2026-04-01. Days ' +
    'are those of the ledger’s time zone. With `format=csv` the answer is all of it as a file, in decimals.',
  access: 'either',
  query: StatementQuery,
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
    csv: EXAMPLE_CSV,
  },
  refusals: ['account_not_found', 'invalid_cursor', 'forbidden'],
} as const satisfies Endpoint;

export const getStatementRoute = route(getStatementEndpoint, ({ ledger }) => async ({ principal, query }) => {
  const id = await findAccount(ledger, principal, query);
  const { from, to, by = 'recorded', format } = query;
  const page = format === 'csv' ? { limit: CSV_ENTRIES_IN_TURN } : pageOptions(query);
  const statement = await ledger.accounts.statement(id, { from, to, by, ...page });
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
  if (format !== 'csv') return { body };
  const headers = {
    'content-type': `${CSV}; charset=utf-8`,
    'content-disposition': 'attachment; filename="statement.csv"',
  };
  return { body, headers, text: statementCsv(statement) };
});

async function findAccount(
  ledger: Ledger,
  principal: Principal,
  { wallet, account }: { wallet?: string | undefined; account?: string | undefined },
): Promise<string> {
  if (wallet !== undefined) return (await findWallet(ledger, principal, wallet)).id;
  authorize(principal, 'operator');
  return account as string;
}
