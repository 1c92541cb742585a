// npm run example:bank-import -- FILE [--json]: on a PostgreSQL of its own unless DATABASE_URL names another.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { callerDirectory, dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

exitOnSignals(130);
// Apart from the server's, so that both can run at the same time; kept, so that an import can be taken up again.
await provideDatabase('bank_import', { directory: join(dataDirectory, 'bank-import') });
// FILE is meant from where the user stands.
process.chdir(callerDirectory);
await import(new URL('../examples/bank-import/src/main.ts', import.meta.url).href);
