import { StartError } from '../errors/start-error.js';
import { VARIABLES } from '../process/config.js';
import type { Environment } from '../process/environment.js';
import { readWords } from './read-words.js';
import { readVersion } from './version.js';

/** Options of `micropay-server`, and the variable that each stands for. */
const OPTIONS = {
  port: { type: 'string', variable: 'PORT' },
  host: { type: 'string', variable: 'HOST' },
  database: { type: 'string', variable: 'DATABASE_URL' },
  schema: { type: 'string', variable: 'DATABASE_SCHEMA' },
  ledger: { type: 'string', variable: 'LEDGER' },
} as const;

const USAGE = `Usage: micropay-server [options]

  --port NUMBER   where it listens; else PORT, else 3000
  --host ADDRESS  else HOST, else 127.0.0.1
  --database URL  PostgreSQL; better in DATABASE_URL, as others on the machine see command lines
  --schema NAME   schema of the tables; else DATABASE_SCHEMA, else micropay
  --ledger NAME   else LEDGER, else main
  -v, --version
  -h, --help      this

Everything can be set in the environment, and an option counts before its variable:
${VARIABLES.map((name) => `  ${name}`).join('\n')}

Exit codes: 0 stopped; 1 could not start or go on; 2 called or configured wrongly.`;

/** The command line of `micropay-server`: a text to print, or settings to run with. */
export type ServerWords = { readonly text: string } | { readonly settings: Environment };

/** @throws {StartError} `invalid_arguments` */
export function readServerWords(words: readonly string[]): ServerWords {
  const { values, positionals } = readWords(words, {
    ...OPTIONS,
    version: { type: 'boolean', short: 'v' },
    help: { type: 'boolean', short: 'h' },
  });
  if (values.help) return { text: USAGE };
  if (values.version) return { text: readVersion() };
  const [word] = positionals;
  if (word !== undefined) {
    throw new StartError(
      'invalid_arguments',
      `"${word}" is no option of the server: see --help. Behind "npm start", options come after "--": npm start -- --port 4000`,
    );
  }
  const settings = Object.entries(OPTIONS).map(([name, { variable }]) => [
    variable,
    values[name as keyof typeof OPTIONS],
  ]);
  return { settings: Object.fromEntries(settings) };
}
