// npm start [-- --port 4000]: the server, on a PostgreSQL of our own unless DATABASE_URL or --database names another. Its line
// in package.json begins with `exec`, so that npm's signals come here and npm waits for us, and ends with this program, as
// npm appends the options. On Windows `exec` is exec.cmd in the root.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

const server = new URL('../packages/server/src/', import.meta.url);
// Until the server listens to signals itself, one of them simply ends the process, and PostgreSQL with it.
exitOnSignals(0);
if (await needsDatabase()) await provideDatabase('micropay', { directory: join(dataDirectory, 'postgres') });
process.env.DATA_DIR = dataDirectory;
process.argv.splice(2, 0, 'serve');
await import(new URL('cli/main.ts', server).href);

/**
 * Whether the server is to have a PostgreSQL of ours; a question such as --help is answered without one. A slip in a variable
 * is refused before we set the one that was meant.
 */
async function needsDatabase(): Promise<boolean> {
  const { parseCommandLine } = await import(new URL('cli/command-line.ts', server).href);
  const { createOutput } = await import(new URL('cli/output.ts', server).href);
  const { reportRefusal } = await import(new URL('cli/report-refusal.ts', server).href);
  const { checkVariableNames } = await import(new URL('process/config.ts', server).href);
  const words = process.argv.slice(2);
  try {
    const { variables } = parseCommandLine(['serve', ...words]);
    if (variables === undefined) return false;
    checkVariableNames(process.env, variables);
    return variables.DATABASE_URL === undefined;
  } catch (error) {
    const exitCode = reportRefusal(error, createOutput(words.includes('--json')));
    if ((error as { code?: string }).code === 'usage') {
      console.error('Options of "npm start" come after "--": npm start -- --port 4000');
    }
    process.exit(exitCode);
  }
}
