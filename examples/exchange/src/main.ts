import { createLedger, LedgerError, migrate } from '@micropay/ledger-core';
import { tellExchange } from './story.js';

const database = process.env.DATABASE_URL;
const words = process.argv.slice(2);
if (words.length > 0) {
  console.error(`it takes no arguments, and "${words.join(' ')}" was given`);
  process.exit(1);
}
if (!database) {
  console.error('set DATABASE_URL, or start this with npm run example:exchange');
  process.exit(1);
}

async function main(database: string): Promise<void> {
  await migrate({ database });
  const ledger = createLedger({ database });
  try {
    await tellExchange(ledger, console.log);
  } finally {
    await ledger.close();
  }
}

try {
  await main(database);
} catch (error) {
  if (!(error instanceof LedgerError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
