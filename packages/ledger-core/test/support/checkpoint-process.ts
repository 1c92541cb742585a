// Advances checkpoints in a process of its own, in small steps, to be killed. Argument: database URL.
import pg from 'pg';
import { advanceCheckpoints } from '../../src/history/checkpoints.js';
import { createStore } from '../../src/postgres/store.js';

const [database = ''] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: database, application_name: 'advances checkpoints', max: 1 });
const sizes = { stretch: 5, accountPart: 2, ledgerPart: 3, mark: 2 };
const { rows } = await pool.query(`select id from micropay.ledgers where name = 'main'`);
await advanceCheckpoints(pool, { ...createStore('micropay'), ledger: rows[0].id }, sizes);
await pool.end();
