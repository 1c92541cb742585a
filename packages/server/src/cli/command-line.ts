import type { Environment } from '../process/environment.js';
import { didYouMean } from '../process/nearest-name.js';
import { auditCommand } from './audit.js';
import { CliError } from './cli-error.js';
import type { Command } from './command.js';
import { importCommand } from './import/import.js';
import { keysCommand } from './keys.js';
import { maintainCommand } from './maintain.js';
import { migrateCommand } from './migrate.js';
import { type OptionsOf, readWords } from './read-words.js';
import { relayCommand } from './relay.js';
import { rolesCommand } from './roles.js';
import { serveCommand } from './serve.js';
import { signingKeysCommand } from './signing-keys.js';
import { statementCommand } from './statement.js';
import { trialBalanceCommand } from './trial-balance.js';
import { verifyCommand } from './verify.js';
import { readVersion } from './version.js';

const COMMANDS: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  relay: relayCommand,
  migrate: migrateCommand,
  maintain: maintainCommand,
  verify: verifyCommand,
  'trial-balance': trialBalanceCommand,
  statement: statementCommand,
  import: importCommand,
  keys: keysCommand,
  roles: rolesCommand,
  'signing-keys': signingKeysCommand,
  audit: auditCommand,
};

const COMMON_OPTIONS = {
  database: { type: 'string', variable: 'DATABASE_URL' },
  schema: { type: 'string', variable: 'DATABASE_SCHEMA' },
  ledger: { type: 'string', variable: 'LEDGER' },
  json: { type: 'boolean' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' },
} as const;

const COMMON_HELP = `  --database URL  PostgreSQL; safer in DATABASE_URL, because other users of the machine can see command lines
  --schema NAME   schema of the tables; default: DATABASE_SCHEMA, or micropay
  --ledger NAME   default: LEDGER, or main
  --json          print one JSON value to standard output in place of text
  -v, --version
  -h, --help      show this help

Exit codes: 0 all is well, or a server or relay was stopped; 1 something is wrong or could not be done; 2 called or configured
wrongly, nothing was done; 130 Ctrl-C.`;

interface CommandLine {
  readonly command: Command;
  /** Values of the options, by the environment variable that each replaces. */
  readonly variables: Environment;
  readonly words: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/**
 * Reads the command to run, or the help or version text to print.
 *
 * @throws {CliError} `usage`
 */
export function parseCommandLine(given: readonly string[]): CommandLine | { readonly text: string } {
  const [first, ...rest] = given;
  if (first === undefined) return { text: overview() };
  if (first.startsWith('-')) return parseWithoutCommand(given);
  if (first === 'help') return { text: rest[0] === undefined ? overview() : helpOf(rest[0], commandOf(rest[0])) };
  const command = commandOf(first);
  if (rest.includes('--help') || rest.includes('-h')) return { text: helpOf(first, command) };
  const known: OptionsOf = { ...command.options, ...COMMON_OPTIONS };
  const { values, positionals } = readWords(rest, known, `micropay ${first}`);
  if (values.version) return { text: readVersion() };
  const { min, max } = command.words;
  if (positionals.length < min || positionals.length > max) {
    const call = ['micropay', first, command.parameters].join(' ').trim();
    const wrong =
      positionals.length < min ? 'an argument is missing' : `"${positionals[max]}" is one argument too many`;
    throw new CliError('usage', `${call}: ${wrong}; see micropay ${first} --help`);
  }
  return { command, variables: variablesOf(values, known), words: positionals, options: values };
}

function parseWithoutCommand(given: readonly string[]): { readonly text: string } {
  const { values } = readWords(given, COMMON_OPTIONS, 'micropay COMMAND');
  if (values.help) return { text: overview() };
  if (values.version) return { text: readVersion() };
  throw new CliError('usage', `the command comes first: it is one of ${Object.keys(COMMANDS).join(', ')}`);
}

function commandOf(name: string): Command {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command !== undefined) return command;
  const names = Object.keys(COMMANDS);
  const meant = didYouMean(name, names) || `: it is one of ${names.join(', ')}`;
  throw new CliError('usage', `there is no command "${name}"${meant}`);
}

function variablesOf(values: CommandLine['options'], known: OptionsOf): Environment {
  const variables: Record<string, string> = {};
  for (const [name, value] of Object.entries(values)) {
    const variable = known[name]?.variable;
    if (variable !== undefined && typeof value === 'string') variables[variable] = value;
  }
  return variables;
}

function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length));
  const list = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Usage: micropay COMMAND [options]\n\n${list.join('\n')}\n\nOptions of every command:\n${COMMON_HELP}`;
}

function helpOf(name: string, { summary, parameters, help }: Command): string {
  const own = help.length === 0 ? '' : `${help.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n\n`;
  const usage = ['Usage: micropay', name, parameters, '[options]'].filter((word) => word !== '').join(' ');
  return `${usage}\n\n${name}: ${summary}\n\n${own}${COMMON_HELP}`;
}
