import { pipeline } from 'node:stream/promises';
import {
  type Statement,
  type StatementOptions,
  statementCamt053,
  statementCsv,
  statementJson,
  toDecimal,
} from '@micropay/ledger-core';
import { readDatabaseSettings } from '../process/config.js';
import { CliError, EXIT } from './cli-error.js';
import type { Command } from './command.js';
import { withLedger } from './open-ledger.js';

export const statementCommand: Command = {
  summary: 'show a statement: opening balance, entries and closing balance of a period',
  parameters: 'ACCOUNT',
  help: [
    '--from MOMENT   first day of the period, such as 2026-03-01, or an instant; required',
    '--to MOMENT     end of the period, not included: March is --from 2026-03-01 --to 2026-04-01; required',
    '--by TIME       recorded (default) or effective',
    '--format FORMAT table (default), csv for spreadsheets, camt053 (ISO 20022) for banking software; not with --json',
  ],
  words: { min: 1, max: 1 },
  options: { from: { type: 'string' }, to: { type: 'string' }, by: { type: 'string' }, format: { type: 'string' } },
  async run({ variables, output, words, options, signal }) {
    const write = writerOf(options.format, output.json);
    const period = toPeriod(options);
    return withLedger(readDatabaseSettings(variables), { mayBeNew: false }, async (ledger) => {
      const statement = await ledger.accounts.statement(words[0] ?? '', period);
      await pipeline(write(statement), process.stdout, { end: false, signal });
      return EXIT.ok;
    });
  },
};

const FORMATS = { table: statementText, csv: statementCsv, camt053: statementCamt053 } as const;

/** The PDF is the server's: it has the name and the logo of the service. */
function writerOf(format: unknown, json: boolean): (statement: Statement) => AsyncGenerator<string> {
  if (json && format !== undefined) throw new CliError('usage', '--format and --json exclude each other');
  if (json) return statementJson;
  const name = format ?? 'table';
  if (typeof name !== 'string' || !isFormat(name)) {
    throw new CliError('usage', `--format takes ${Object.keys(FORMATS).join(', ')}`);
  }
  return FORMATS[name];
}

function isFormat(name: string): name is keyof typeof FORMATS {
  return Object.hasOwn(FORMATS, name);
}

const ENTRIES_PER_PAGE = 1_000;

function toPeriod({ from, to, by = 'recorded' }: Parameters<Command['run']>[0]['options']): StatementOptions {
  if (typeof from !== 'string' || typeof to !== 'string') {
    throw new CliError('usage', 'name the period with --from and --to; see micropay statement --help');
  }
  if (by !== 'recorded' && by !== 'effective') throw new CliError('usage', '--by takes recorded or effective');
  return { from, to, by, limit: ENTRIES_PER_PAGE };
}

const DESCRIPTION_WIDTH = 28;
const AMOUNT_WIDTH = 16;

/** A table whose widths are fixed, so that a long statement is written as it is read. */
async function* statementText(statement: Statement): AsyncGenerator<string> {
  const { account, scale, by, from, to, opening, closing } = statement;
  const amount = (units: bigint) => toDecimal(units, scale);
  yield `${account.address}, ${account.currency}, by ${by} time\n\n`;
  yield row('time', 'kind', 'description', ['debit', 'credit', 'balance']);
  yield row(from.toISOString(), 'opening', '', ['', '', amount(opening)]);
  for await (const {
    effectiveAt,
    recordedAt,
    kind,
    description,
    direction,
    amount: units,
    balance,
  } of statement.all()) {
    const time = by === 'effective' ? effectiveAt : recordedAt;
    const sides = direction === 'debit' ? [amount(units), ''] : ['', amount(units)];
    yield row(time.toISOString(), kind, description ?? '', [...sides, amount(balance)]);
  }
  yield row(to.toISOString(), 'closing', '', ['', '', amount(closing)]);
}

function row(time: string, kind: string, description: string, amounts: readonly string[]): string {
  // A description is somebody's text: what would move a terminal's cursor is left out.
  const shown = description.replaceAll(/\p{Cc}+/gu, ' ').slice(0, DESCRIPTION_WIDTH);
  const cells = [time.padEnd(24), kind.padEnd(8), shown.padEnd(DESCRIPTION_WIDTH)];
  return `${[...cells, ...amounts.map((text) => text.padStart(AMOUNT_WIDTH))].join('  ').trimEnd()}\n`;
}
