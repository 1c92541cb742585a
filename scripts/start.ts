// npm start: the server, on a PostgreSQL of our own unless DATABASE_URL names another. Its line in package.json begins with
// `exec`, so that npm's signals come here and npm waits for us; what follows `||` is for Windows, which has no `exec`.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

// Until the server listens to signals itself, one of them simply ends the process, and PostgreSQL with it.
exitOnSignals(0);
await provideDatabase('micropay', { directory: join(dataDirectory, 'postgres') });
process.env.DATA_DIR = dataDirectory;
await import(new URL('../packages/server/src/main.ts', import.meta.url).href);
