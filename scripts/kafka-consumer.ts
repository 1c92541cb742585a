// KAFKA_BROKERS=… npm run example:kafka-consumer: on a PostgreSQL of its own unless DATABASE_URL names another.
import { join } from 'node:path';
import { exitOnSignals } from '@micropay/local-postgres';
import { dataDirectory } from './directories.js';
import { provideDatabase } from './provide-database.js';

exitOnSignals(130);
await provideDatabase('spending', { directory: join(dataDirectory, 'kafka-consumer') });
await import(new URL('../examples/kafka-consumer/src/main.ts', import.meta.url).href);
