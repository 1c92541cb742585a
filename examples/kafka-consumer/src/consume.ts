import { fromPg } from '@micropay/ledger-core/pg';
import { type EachBatchPayload, Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { Pool } from 'pg';
import type { Settings } from './settings.js';
import { countSpending, createTables, type ReceivedEvent } from './spending.js';

/** Messages in one database transaction. */
const MESSAGES_MAX = 100;
const SESSION_TIMEOUT_MS = 6_000;
const HEARTBEAT_MS = 1_000;

export interface Consumer {
  stop(): Promise<void>;
}

/** Reads the ledger's transfers from the beginning, and goes on where its last commit was. */
export async function consumeTransfers({ brokers, database, topicPrefix, groupId }: Settings): Promise<Consumer> {
  const pool = new Pool({ connectionString: database, max: 1 });
  // A connection that breaks is dropped; the batch under way fails and comes again.
  pool.on('error', () => undefined);
  await createTables({ executeSql: (text, values) => pool.query(text, [...values]) }).catch((cause: Error) => {
    throw new Error(`the database of DATABASE_URL cannot be used: ${cause.message}`, { cause });
  });

  // Its own log is lines of JSON with stacks: what goes wrong is said below in a sentence.
  const consumer = new Kafka({ clientId: groupId, brokers, logLevel: logLevel.NOTHING }).consumer({
    groupId,
    maxWaitTimeInMs: 100,
    // A killed member's partitions are given to the others after this.
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_MS,
  });
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    console.error(`Reading broke off: ${error.message}`);
    // After what may pass the consumer goes on by itself.
    if (!restart) process.exit(1);
  });
  try {
    await consumer.connect();
    await consumer.subscribe({ topics: [`${topicPrefix}.transfers`], fromBeginning: true });
  } catch (cause) {
    const { message } = cause as Error;
    throw new Error(
      `Kafka cannot be read at ${brokers.join(', ')}: ${message}. Does it run, and is KAFKA_BROKERS right?`,
    );
  }
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: (payload) => handleBatch(pool, payload),
  });
  return {
    async stop() {
      await consumer.disconnect();
      await pool.end();
    },
  };
}

/** The offset moves on after the database has committed: what was in between comes again, and counts once. */
async function handleBatch(
  pool: Pool,
  { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, isRunning, isStale }: EachBatchPayload,
): Promise<void> {
  for (let start = 0; start < batch.messages.length; start += MESSAGES_MAX) {
    if (!isRunning() || isStale()) return;
    const messages = batch.messages.slice(start, start + MESSAGES_MAX);
    const counted = await countAll(pool, messages);
    console.log(`${messages.length} events, ${counted} new payments`);
    resolveOffset(messages.at(-1)?.offset ?? '');
    await commitOffsetsIfNecessary();
    await heartbeat();
  }
}

async function countAll(pool: Pool, messages: readonly KafkaMessage[]): Promise<number> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const transaction = fromPg(client);
    let counted = 0;
    for (const message of messages) {
      if (await countSpending(transaction, toEvent(message))) counted += 1;
    }
    await client.query('commit');
    return counted;
  } catch (error) {
    // The connection is thrown away, and the transaction with it.
    broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
}

/** CloudEvents in Kafka's binary mode: attributes are headers, the data is the value. */
function toEvent({ headers, value }: KafkaMessage): ReceivedEvent {
  // An id is unique in its source, which is the ledger.
  return { id: `${headers?.ce_source}/${headers?.ce_id}`, type: String(headers?.ce_type), value: String(value) };
}
