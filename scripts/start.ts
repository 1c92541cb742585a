// npm start [-- --port 4000]: the server, on a PostgreSQL of our own unless DATABASE_URL or --database names another. Its line
// in package.json begins with `exec`, so that npm's signals come here and npm waits for us, and ends with this program, as
// npm appends the options. On Windows `exec` is exec.cmd in the root.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

const UNKNOWN_DATABASE = 'postgresql://127.0.0.1/micropay';
const server = new URL('../packages/server/src/', import.meta.url);
// Until the server listens to signals itself, one of them simply ends the process, and PostgreSQL with it.
exitOnSignals(0);
if (await needsDatabase()) await provideDatabase('micropay', { directory: join(dataDirectory, 'postgres') });
process.env.DATA_DIR = dataDirectory;
// Workers are programs of their own, which have to read TypeScript too.
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import ${import.meta.resolve('tsx')}`;
const main = new URL('cli/main.ts', server);
// As if it had been called by its own name, by which it calls its workers.
process.argv.splice(1, 1, fileURLToPath(main), 'serve');
await import(main.href);

/**
 * Whether the server is to have a PostgreSQL of ours; a question such as --help is answered without one. A slip in a variable
 * is refused before we set the one that was meant.
 */
async function needsDatabase(): Promise<boolean> {
  const { parseCommandLine } = await import(new URL('cli/command-line.ts', server).href);
  const { createOutput } = await import(new URL('cli/output.ts', server).href);
  const { reportRefusal } = await import(new URL('cli/report-refusal.ts', server).href);
  const { checkVariableNames, readServeSettings } = await import(new URL('process/config.ts', server).href);
  const words = process.argv.slice(2);
  try {
    const { variables } = parseCommandLine(['serve', ...words]);
    if (variables === undefined) return false;
    checkVariableNames(process.env, variables);
    // What is wrong is said before the data directory is taken. The address of the database is not known until it is.
    readServeSettings({ ...(process.env.DATABASE_URL ? {} : { DATABASE_URL: UNKNOWN_DATABASE }), ...variables });
    return variables.DATABASE_URL === undefined;
  } catch (error) {
    const exitCode = reportRefusal(error, createOutput(words.includes('--json')));
    if ((error as { code?: string }).code === 'usage') {
      console.error('Options of "npm start" come after "--": npm start -- --port 4000');
    }
    process.exit(exitCode);
  }
}
