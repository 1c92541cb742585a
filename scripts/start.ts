// npm start [-- --port 4000]: the server, on a PostgreSQL of our own unless DATABASE_URL or --database names another. Its line
// in package.json begins with `exec`, so that npm's signals come here and npm waits for us, and ends with this program, as
// npm puts the options behind it. On Windows `exec` is exec.cmd in the root.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

const server = new URL('../packages/server/src/', import.meta.url);
// Until the server listens to signals itself, one of them simply ends the process, and PostgreSQL with it.
exitOnSignals(0);
if (await needsDatabase()) await provideDatabase('micropay', { directory: join(dataDirectory, 'postgres') });
process.env.DATA_DIR = dataDirectory;
await import(new URL('process/main.ts', server).href);

/** A question such as --help the server answers without one. A slip is seen only before we set what it was to set. */
async function needsDatabase(): Promise<boolean> {
  const { readServerWords } = await import(new URL('cli/server-words.ts', server).href);
  const { checkVariableNames } = await import(new URL('process/config.ts', server).href);
  const { exitWith } = await import(new URL('process/exit-with.ts', server).href);
  try {
    const { settings } = readServerWords(process.argv.slice(2));
    if (settings === undefined) return false;
    checkVariableNames(process.env, settings);
    return settings.DATABASE_URL === undefined;
  } catch (error) {
    return exitWith(error);
  }
}
