// npm run example:NAME [-- words]: an example on a PostgreSQL of its own unless DATABASE_URL names another.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { callerDirectory, dataDirectory, rootDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

/** The database of each example; one without a database calls a server that runs already. */
const DATABASES: Readonly<Record<string, string>> = {
  'bank-import': 'bank_import',
  exchange: 'exchange',
  'kafka-consumer': 'spending',
  marketplace: 'marketplace',
};

const [name = ''] = process.argv.splice(2, 1);
const examples = readdirSync(join(rootDirectory, 'examples'));
if (!examples.includes(name)) {
  console.error(`There is no example "${name}": it is one of ${examples.join(', ')}.`);
  process.exit(2);
}
const database = DATABASES[name];
if (database !== undefined) {
  exitOnSignals(130);
  // Apart from the server's, so that both can run at the same time; kept, so that a run can be taken up again.
  await provideDatabase(database, { directory: join(dataDirectory, name) });
}
// A file in the words is meant from where the user stands.
process.chdir(callerDirectory);
await import(new URL(`../examples/${name}/src/main.ts`, import.meta.url).href);
