import { type MaintainReport, maintain } from '@micropay/ledger-core';
import { readDatabaseSettings } from '../process/config.js';
import { CliError, EXIT } from './cli-error.js';
import type { Command } from './command.js';

export const maintainCommand: Command = {
  summary: 'make the next partition of the journal, if it is time, and seal those that are full',
  parameters: '',
  help: [
    '--positions N   size of a new partition, 1,000 to 1,000,000,000,000 positions; default: as the last one, and a tenth of what is kept ahead at least',
  ],
  words: { min: 0, max: 0 },
  options: { positions: { type: 'string' } },
  async run({ variables, output, options }) {
    const { databaseUrl: database, databaseSchema: schema } = readDatabaseSettings(variables);
    const partitionPositions = readPositions(options.positions);
    const report = await maintain({ database, schema, ...(partitionPositions && { partitionPositions }) });
    output.value({ schema, ...report });
    output.text(toText(report));
    return EXIT.ok;
  },
};

const POSITIONS_MIN = 1_000;
const POSITIONS_MAX = 1_000_000_000_000;

/** @throws {CliError} `usage` */
function readPositions(word: string | boolean | undefined): number | undefined {
  if (word === undefined) return undefined;
  const positions = /^\d+$/.test(String(word)) ? Number(word) : Number.NaN;
  if (positions >= POSITIONS_MIN && positions <= POSITIONS_MAX) return positions;
  throw new CliError('usage', `--positions is a whole number from ${POSITIONS_MIN} to ${POSITIONS_MAX}`);
}

function toText({ partitions, added, sealed, positionsLeft }: MaintainReport): string {
  const done = [
    ...(added.length > 0 ? [`Made ${added.join(', ')}.`] : []),
    ...(sealed.length > 0 ? [`Sealed ${sealed.join(', ')}.`] : []),
    ...(added.length + sealed.length === 0 ? ['Nothing to do.'] : []),
  ];
  const left = positionsLeft.toLocaleString('en');
  return `${done.join(' ')} ${partitions.length} partitions, with ${left} positions left.`;
}
