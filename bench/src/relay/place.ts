import { startKafka, whyNoKafka } from '@micropay/local-kafka';
import pg from 'pg';
import { readSettings } from '../book.js';

/** A database and brokers to measure the relay on. */
export interface RelayPlace {
  readonly database: string;
  readonly pool: pg.Pool;
  readonly brokers: readonly string[];
  /** PostgreSQL's settings that matter here. */
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

/** The reason why no Kafka is available; undefined if one is. */
export function whyNoBrokers(): string | undefined {
  return process.env.KAFKA_BROKERS ? undefined : whyNoKafka();
}
