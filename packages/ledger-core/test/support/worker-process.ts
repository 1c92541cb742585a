// Works off requests in a process of its own, to be killed: worker-process.ts <database> <ledger>.
import { createLedger, createRequestWorker } from '@micropay/ledger-core';

const [database = '', name = ''] = process.argv.slice(2);

const ledger = createLedger({ database, name });
const worker = createRequestWorker({ ledger, batchSizeMax: 10, pollMs: 10 });
worker.start();
process.on('SIGTERM', () => void worker.stop().then(() => ledger.close()));
