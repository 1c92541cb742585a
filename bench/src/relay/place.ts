import { startKafka, whyNoKafka } from '@micropay/local-kafka';
import pg from 'pg';
import { readSettings } from '../book.js';

/** Where the relay is measured: a database and brokers. */
export interface RelayPlace {
  readonly database: string;
  readonly pool: pg.Pool;
  readonly brokers: readonly string[];
  /** What PostgreSQL runs with. */
  readonly settings: string;
  close(): Promise<void>;
}

/** The brokers of KAFKA_BROKERS, else one that is started for this. */
export async function openPlace(database: string): Promise<RelayPlace> {
  const pool = new pg.Pool({ connectionString: database, max: 2 });
  const settings = await readSettings(pool);
  const given = process.env.KAFKA_BROKERS;
  const kafka = given ? undefined : await startKafka();
  return {
    database,
    pool,
    settings,
    brokers: given ? given.split(',') : [kafka?.broker ?? ''],
    async close() {
      await pool.end();
      await kafka?.stop();
    },
  };
}

/** Why there is no Kafka to measure with; undefined when there is. */
export function whyNoBrokers(): string | undefined {
  return process.env.KAFKA_BROKERS ? undefined : whyNoKafka();
}
