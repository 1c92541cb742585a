import { parseArgs } from 'node:util';
import { type DatabaseSettings, readDatabaseSettings } from '../config.js';
import { CliError } from './cli-error.js';
import type { Command } from './command.js';
import { importCommand } from './import/import.js';
import { migrateCommand } from './migrate.js';
import { statementCommand } from './statement.js';
import { trialBalanceCommand } from './trial-balance.js';
import { verifyCommand } from './verify.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  verify: verifyCommand,
  'trial-balance': trialBalanceCommand,
  statement: statementCommand,
  migrate: migrateCommand,
  import: importCommand,
};

const COMMON_OPTIONS = {
  database: { type: 'string' },
  schema: { type: 'string' },
  ledger: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

const COMMON_HELP = `  --database URL  PostgreSQL; better in DATABASE_URL, as others on the machine see command lines
  --schema NAME   schema of the tables; else DATABASE_SCHEMA, else micropay
  --ledger NAME   else LEDGER, else main
  --json          one JSON value on standard output in place of text
  -h, --help      this

Exit codes: 0 all is well; 1 something is wrong or could not be done; 2 called wrongly, nothing was done; 130 Ctrl-C.`;

interface CommandLine {
  readonly command: Command;
  readonly settings: DatabaseSettings;
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/**
 * What to run, or the help that was asked for.
 *
 * @throws {CliError} `usage`
 * @throws {StartError} `invalid_configuration`
 */
export function parseCommandLine(given: readonly string[]): CommandLine | { readonly help: string } {
  const [name, ...rest] = given;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') return { help: overview() };
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    throw new CliError('usage', `there is no command "${name}": it is one of ${Object.keys(COMMANDS).join(', ')}`);
  }
  if (rest.includes('--help') || rest.includes('-h')) return { help: helpOf(name, command) };
  const { values, positionals } = parseOptions(name, command, rest);
  if (positionals.length < command.words.min || positionals.length > command.words.max) {
    throw new CliError('usage', `micropay ${name} ${command.parameters}: see micropay ${name} --help`);
  }
  const { database, schema, ledger, json: _json, ...options } = values;
  return { command, settings: readDatabaseSettings({ database, schema, ledger }), words: positionals, options };
}

function parseOptions(name: string, command: Command, words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: { ...command.options, ...COMMON_OPTIONS },
      allowPositionals: true,
    }) as {
      values: Record<string, string | boolean | undefined> & Partial<Record<'database' | 'schema' | 'ledger', string>>;
      positionals: string[];
    };
  } catch (cause) {
    throw new CliError('usage', `${(cause as Error).message}; see micropay ${name} --help`, { cause });
  }
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const list = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: micropay COMMAND [options]\n\n${list.join('\n')}\n\nOptions of every command:\n${COMMON_HELP}`;
}

function helpOf(name: string, { summary, parameters, help }: Command): string {
  const own = help.length === 0 ? '' : `${help.map((line) => `  ${line}`).join('\n')}\n\n`;
  const usage = ['Usage: micropay', name, parameters, '[options]'].filter((word) => word !== '').join(' ');
  return `${usage}\n\n${name}: ${summary}\n\n${own}${COMMON_HELP}`;
}
