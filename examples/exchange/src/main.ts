import { createLedger, migrate } from '@micropay/ledger-core';
import { tellExchange } from './story.js';

const database = process.env.DATABASE_URL;
if (!database) {
  console.error('set DATABASE_URL, or start this with npm run example:exchange');
  process.exit(1);
}
await migrate({ database });
const ledger = createLedger({ database });
try {
  await tellExchange(ledger, console.log);
} finally {
  await ledger.close();
}
