// npm run example:exchange: on a PostgreSQL of its own unless DATABASE_URL names another.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

exitOnSignals(130);
await provideDatabase('exchange', { directory: join(dataDirectory, 'exchange') });
await import(new URL('../examples/exchange/src/main.ts', import.meta.url).href);
