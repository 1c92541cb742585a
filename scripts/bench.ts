// npm run bench: the benchmarks, on a PostgreSQL of their own unless DATABASE_URL names another.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

exitOnSignals(130);
// Beside the other data and not in the system's temporary folder, which is often memory: there a write costs nothing.
await provideDatabase('bench', { directory: join(dataDirectory, 'bench'), temporary: true });
await import(new URL('../bench/src/main.ts', import.meta.url).href);
