import { pipeline } from 'node:stream/promises';
import { type Statement, type StatementOptions, statementCsv, statementJson, toDecimal } from '@micropay/ledger-core';
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
    '--csv           print CSV for spreadsheets, in major units; not with --json',
  ],
  words: { min: 1, max: 1 },
  options: { from: { type: 'string' }, to: { type: 'string' }, by: { type: 'string' }, csv: { type: 'boolean' } },
  async run({ variables, output, words, options, signal }) {
    if (output.json && options.csv) throw new CliError('usage', '--csv and --json exclude each other');
    const period = toPeriod(options);
    return withLedger(readDatabaseSettings(variables), { mayBeNew: false }, async (ledger) => {
      const statement = await ledger.accounts.statement(words[0] ?? '', period);
      const text = output.json ? statementJson : options.csv ? statementCsv : statementText;
      await pipeline(text(statement), process.stdout, { end: false, signal });
      return EXIT.ok;
    });
  },
};

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
