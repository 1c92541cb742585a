export { type DatabaseProxy, startDatabaseProxy } from './database-proxy.js';
export { exitOnSignals } from './exit-on-signals.js';
export { type LocalReplica, startReplica } from './replica.js';
export { type LocalPostgres, type PostgresOptions, startPostgres } from './start-postgres.js';
export { startTemporaryPostgres, type TemporaryPostgresOptions } from './temporary-postgres.js';
export { startTestPostgres, type TestPostgres, type TestPostgresOptions } from './test-postgres.js';
