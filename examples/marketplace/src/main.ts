import { createLedger, migrate } from '@micropay/ledger-core';
import { Pool } from 'pg';
import { createTables } from './orders.js';
import { tellMarketplace } from './story.js';

const database = process.env.DATABASE_URL;
if (!database) {
  console.error('set DATABASE_URL, or start this with npm run example:marketplace');
  process.exit(1);
}
await migrate({ database });
const ledger = createLedger({ database });
const pool = new Pool({ connectionString: database });
try {
  await createTables(pool);
  await tellMarketplace({ ledger, pool }, console.log);
} finally {
  await ledger.close();
  await pool.end();
}
