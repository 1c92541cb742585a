import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { LocalKafka } from '@micropay/local-kafka';
import { startOwnKafka } from '@micropay/local-kafka/testing';
import { type LocalPostgres, startTemporaryPostgres } from '@micropay/local-postgres';
import pg from 'pg';
import { runMain, runProgram, runRelayMain } from '../support/run-main.js';
import { OPERATOR_KEY } from '../support/test-server.js';
import type { Victim } from './kills.js';
import { type Supervised, supervise } from './supervised.js';

/** All of it as real processes: PostgreSQL, a broker, the server, a relay of its own and the consumer of the example. */
export interface System {
  readonly url: string;
  readonly broker: string;
  readonly topicPrefix: string;
  /** The ledger's database. */
  readonly pool: pg.Pool;
  /** The consumer's database, in the same PostgreSQL. */
  readonly summary: pg.Pool;
  readonly victims: readonly Victim[];
  /** Programs that ended although nobody had killed them, by name. */
  endings(): Readonly<Record<string, number>>;
  stop(): Promise<void>;
}

const CONSUMER = fileURLToPath(new URL('../../../../examples/kafka-consumer/src/main.ts', import.meta.url));
const TOPIC_PREFIX = 'chaos';
const POLL_MS = 100;
const QUERY_TIMEOUT_MS = 60_000;

export async function startSystem(): Promise<System> {
  const postgres = await startTemporaryPostgres({ durable: false, revive: true });
  const kafka = await startOwnKafka();
  const database = await postgres.database('ledger');
  const summaryDatabase = await postgres.database('summary');
  const port = await freePort();
  const environment = {
    DATABASE_URL: database,
    OPERATOR_API_KEY: OPERATOR_KEY,
    PORT: String(port),
    KAFKA_BROKERS: kafka.broker,
    KAFKA_TOPIC_PREFIX: TOPIC_PREFIX,
    LOG_LEVEL: 'silent',
  };
  // The server may lead too: when the leader is killed, the other takes over.
  const server = supervise(() => runMain(environment), /listens on/);
  await server.untilReady();
  const relay = supervise(() => runRelayMain(['run'], environment), /delivers events to/);
  const consumer = supervise(
    () =>
      runProgram([CONSUMER], {
        DATABASE_URL: summaryDatabase,
        KAFKA_BROKERS: kafka.broker,
        TOPIC_PREFIX,
        GROUP_ID: 'chaos',
      }),
    /Summing up/,
  );
  const [pool, summary] = [database, summaryDatabase].map(openPool) as [pg.Pool, pg.Pool];
  return {
    url: `http://127.0.0.1:${port}`,
    broker: kafka.broker,
    topicPrefix: TOPIC_PREFIX,
    pool,
    summary,
    victims: [
      asVictim('relay', relay),
      asVictim('server', server),
      postgresVictim(postgres, pool),
      brokerVictim(kafka),
      asVictim('consumer', consumer),
    ],
    endings: () => ({ relay: relay.endings, server: server.endings, consumer: consumer.endings }),
    async stop() {
      await Promise.all([server.stop(), relay.stop(), consumer.stop()]);
      await Promise.all([pool.end(), summary.end()]);
      await kafka.stop();
      postgres.stop();
    },
  };
}

function asVictim(name: string, program: Supervised): Victim {
  return {
    name,
    async kill() {
      program.kill();
    },
    untilBack: program.untilReady,
  };
}

function postgresVictim(postgres: LocalPostgres, pool: pg.Pool): Victim {
  return {
    name: 'PostgreSQL',
    async kill() {
      const { pid } = postgres;
      process.kill(pid, 'SIGKILL');
      while (postgres.pid === pid) await delay(POLL_MS);
    },
    async untilBack() {
      while (!(await answers(pool))) await delay(POLL_MS);
    },
  };
}

function answers(pool: pg.Pool): Promise<boolean> {
  return pool.query('select 1').then(
    () => true,
    () => false,
  );
}

function brokerVictim(kafka: LocalKafka): Victim {
  return { name: 'broker', kill: () => kafka.kill(), untilBack: () => kafka.restart() };
}

function openPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString,
    max: 2,
    connectionTimeoutMillis: 5_000,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  pool.on('error', () => undefined);
  return pool;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
