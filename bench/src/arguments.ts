import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench -- [--json] [--only NAME,…] [--callers N,…] [--seconds N] [--repeats N] [--profile DIRECTORY]

  --json               one JSON object per line in place of the table
  --only NAME,…        engine, hot, http, http-batch, relay; all by default
  --callers N,…        only rows with that many callers
  --seconds N          length of a measurement, 1 to 30; default 3
  --repeats N          measurements of each side, whose median counts, 1 to 9; default 3
  --profile DIRECTORY  write a CPU profile of Node there for each row`;

export const ROW_NAMES = ['engine', 'hot', 'http', 'http-batch', 'relay'] as const;

export interface BenchArguments {
  readonly json: boolean;
  readonly only: readonly string[];
  /** Undefined for all. */
  readonly callers: readonly number[] | undefined;
  readonly seconds: number;
  readonly repeats: number;
  readonly profile: string | undefined;
}

/** Words that are no arguments of the benchmark. */
export class UsageError extends Error {}

/** @throws {UsageError} with what is wrong and the usage */
export function parseArguments(words: readonly string[]): BenchArguments | 'help' {
  try {
    const { values } = parseArgs({
      args: [...words],
      options: {
        json: { type: 'boolean', default: false },
        only: { type: 'string', default: ROW_NAMES.join(',') },
        callers: { type: 'string' },
        seconds: { type: 'string', default: '3' },
        repeats: { type: 'string', default: '3' },
        profile: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return 'help';
    const only = values.only.split(',');
    const unknown = only.find((name) => !ROW_NAMES.some((known) => known === name));
    if (unknown !== undefined) throw new Error(`--only knows ${ROW_NAMES.join(', ')}, and not "${unknown}"`);
    return {
      json: values.json,
      only,
      callers: values.callers?.split(',').map((text) => wholeNumber('--callers', text, 4_096)),
      seconds: wholeNumber('--seconds', values.seconds, 30),
      repeats: wholeNumber('--repeats', values.repeats, 9),
      profile: values.profile,
    };
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}\n\n${USAGE}`, { cause });
  }
}

function wholeNumber(option: string, text: string, maximum: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= maximum) return value;
  throw new Error(`${option} takes whole numbers from 1 to ${maximum}, and not "${text}"`);
}
