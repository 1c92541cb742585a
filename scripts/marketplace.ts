// npm run example:marketplace: on a PostgreSQL of its own unless DATABASE_URL names another.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

exitOnSignals(130);
await provideDatabase('marketplace', { directory: join(dataDirectory, 'marketplace') });
await import(new URL('../examples/marketplace/src/main.ts', import.meta.url).href);
