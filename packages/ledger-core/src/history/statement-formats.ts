import { hasMethods, valid } from '../domain/input/arguments.js';
import { toDecimal } from '../domain/money/money.js';
import type { Statement, StatementEntry } from './statement.js';

const CSV_COLUMNS = [
  'effective_at',
  'recorded_at',
  'transfer_id',
  'kind',
  'counterparty',
  'description',
  'debit',
  'credit',
  'balance',
  'currency',
] as const;

type CsvRow = Partial<Record<(typeof CSV_COLUMNS)[number], string>>;

/**
 * Writes a statement as CSV (RFC 4180), line by line: the opening, each entry, the closing. Amounts are decimals in
 * the currency's scale. What a spreadsheet would take for a formula in a text begins with an apostrophe.
 *
 * @throws {LedgerError} `invalid_request` with the first line, and errors of reading the statement's pages
 */
export async function* statementCsv(statement: Statement): AsyncGenerator<string> {
  const { account, scale, from, to, opening, closing } = checkStatement(statement);
  const { currency } = account;
  const amount = (units: bigint) => toDecimal(units, scale);
  yield line([...CSV_COLUMNS]);
  yield csvLine({ effective_at: from.toISOString(), kind: 'opening', balance: amount(opening), currency });
  for await (const entry of statement.all()) {
    yield csvLine({
      effective_at: entry.effectiveAt.toISOString(),
      recorded_at: entry.recordedAt.toISOString(),
      transfer_id: entry.transferId,
      kind: entry.kind,
      counterparty: entry.counterparty,
      description: plainText(entry.description ?? ''),
      [entry.direction]: amount(entry.amount),
      balance: amount(entry.balance),
      currency,
    });
  }
  yield csvLine({ effective_at: to.toISOString(), kind: 'closing', balance: amount(closing), currency });
}

const statementArgument = valid<Statement>(isStatement, 'must be a statement, as accounts.statement answers it');

function isStatement(value: unknown): boolean {
  if (!hasMethods(value, 'all')) return false;
  const { account, from, to, opening } = value as Partial<Statement>;
  return account !== undefined && from instanceof Date && to instanceof Date && typeof opening === 'bigint';
}

/** @throws {LedgerError} `invalid_request` */
export function checkStatement(statement: Statement): Statement {
  return statementArgument(statement, 'statement');
}

function csvLine(row: CsvRow): string {
  return line(CSV_COLUMNS.map((column) => row[column] ?? ''));
}

function line(cells: readonly string[]): string {
  return `${cells.map(quote).join(',')}\r\n`;
}

function quote(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** Spreadsheets run texts that begin with these characters as formulas. */
function plainText(text: string): string {
  return /^[\s]*[=+\-@\t\r\n|]/.test(text) ? `'${text}` : text;
}

/**
 * Writes a statement as one JSON document, piece by piece; amounts are whole minor units as strings.
 *
 * @throws {LedgerError} as `statementCsv`
 */
export async function* statementJson(statement: Statement): AsyncGenerator<string> {
  const { account, scale, by, from, to, opening, closing } = checkStatement(statement);
  const head = JSON.stringify({ account, scale, by, from, to, opening, closing }, asText);
  yield `${head.slice(0, -1)},"entries":[`;
  let separator = '\n';
  for await (const entry of statement.all()) {
    yield separator + JSON.stringify(entry satisfies StatementEntry, asText);
    separator = ',\n';
  }
  yield '\n]}\n';
}

function asText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
