// Stands in for whatever program starts PostgreSQL: prints where it is as one line of JSON and stays until it is ended.
import { exitOnSignals, startPostgres, startTemporaryPostgres } from '../src/index.js';

const [directory = '', mode] = process.argv.slice(2);
exitOnSignals(0);
const postgres =
  mode === 'temporary'
    ? await startTemporaryPostgres({ parent: directory, durable: false })
    : await startPostgres({ directory, durable: false });
console.log(JSON.stringify({ url: postgres.url, pid: postgres.pid }));
setInterval(() => {}, 60_000);
