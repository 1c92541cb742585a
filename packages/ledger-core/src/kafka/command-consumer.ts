import { setTimeout as delay } from 'node:timers/promises';
import {
  type Consumer,
  type EachBatchPayload,
  type IHeaders,
  Kafka,
  type KafkaConfig,
  type KafkaMessage,
  logLevel,
} from 'kafkajs';
import { type Backoff, backOff, backoffMs } from '../backoff.js';
import { invalidArgument, object, optional, optionalCallback, wholeNumber } from '../domain/input/arguments.js';
import type { Ledger } from '../ledger/ledger-api.js';
import { ledgerWith } from '../ledger/requests.js';
import { groupName, kafkaArgument, NEW_TOPICS, topicName } from './arguments.js';
import { COMMAND_BYTES_MAX, decodeCommand, type IncomingMessage, type InvalidCommand } from './command.js';
import { withSpans } from './command-spans.js';
import { createDeadLetters, DEAD_LETTER_OVERHEAD_BYTES, type DeadLetters } from './dead-letters.js';
import { RETRIES } from './sends.js';
import { prepareTopics } from './topics.js';

export interface CommandConsumerOptions {
  /** Passed to kafkajs as it is: brokers, clientId, ssl, sasl, logLevel. */
  readonly kafka: KafkaConfig;
  /** The ledger that the commands are submitted to. Everyone who may write to the topic can move any of its money. */
  readonly ledger: Pick<Ledger, 'requests'>;
  /** Default `micropay.commands`. */
  readonly topic?: string;
  /** The topic that receives invalid commands unchanged; default `<topic>.dead-letters`. */
  readonly deadLetterTopic?: string;
  /** Consumers of one group share the topic; default `micropay-commands`. */
  readonly groupId?: string;
  /** Partitions of topics that are created here; default 6. */
  readonly partitions?: number;
  /** Replication factor of topics that are created here; default: the broker's. */
  readonly replicationFactor?: number;
  /** Commands in one database transaction, 1 to 10,000; default 500. */
  readonly batchSizeMax?: number;
  /** Called on every failure; the consumer retries by itself. */
  readonly onError?: (error: unknown) => void;
}

export interface CommandConsumer {
  /** Consumes commands until it is stopped. */
  start(): void;
  /** Stops after the current batch; the next consumer processes the rest. */
  stop(): Promise<void>;
}

const BACKOFF: Backoff = { firstMs: 100, maxMs: 5_000 };
/** Producers may compress as they like, and kafkajs reads nothing but gzip: brokers store what came without compression. */
const UNCOMPRESSED = [{ name: 'compression.type', value: 'uncompressed' }];
/** A consumer that waits, for the database or for its dead letters, still has to be heard of by Kafka. */
const HEARTBEAT_EVERY_MS = 1_000;
/** A process that was killed is missed for as long, and its partitions wait; brokers take six seconds or more. */
const SESSION_TIMEOUT_MS = 10_000;
/** Members that work have as long to come back when the group shares its partitions out; longer than a database may take to answer. */
const REBALANCE_TIMEOUT_MS = 30_000;

const BATCH_SIZE_MAX = 10_000;
const readOptions = object<CommandConsumerOptions>({
  kafka: kafkaArgument,
  ledger: ledgerWith('submitMany'),
  topic: optional(topicName),
  deadLetterTopic: optional(topicName),
  groupId: optional(groupName),
  ...NEW_TOPICS,
  batchSizeMax: optional(wholeNumber(1, BATCH_SIZE_MAX)),
  onError: optionalCallback,
});

/**
 * Requests transfers from the messages of a topic: each command once, whatever is delivered again. A message's offset
 * is committed when the database has its request, or the dead letters have the message.
 *
 * @throws {LedgerError} `invalid_request`, also for dead letters that would go where commands come from
 */
export function createCommandConsumer(options: CommandConsumerOptions): CommandConsumer {
  const read = readOptions(options, 'options');
  const { ledger, topic = 'micropay.commands', batchSizeMax = 500, onError = () => undefined } = read;
  const { deadLetterTopic = `${topic}.dead-letters`, groupId = 'micropay-commands' } = read;
  if (deadLetterTopic === topic) {
    throw invalidArgument('deadLetterTopic', `must not be ${topic}, which cannot hold its own dead letters`);
  }
  const kafka = new Kafka({ clientId: 'micropay', logLevel: logLevel.NOTHING, retry: RETRIES, ...read.kafka });
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    let failures = 0;
    while (!signal.aborted) {
      const startedAtMs = performance.now();
      await consume().catch(onError);
      // A membership that lasted was none of the failures in a row.
      failures = performance.now() - startedAtMs > BACKOFF.maxMs ? 1 : failures + 1;
      await backOff(BACKOFF, failures, signal);
    }
  }

  /** One membership of the group: until it is stopped, or until kafkajs gives up. */
  async function consume(): Promise<void> {
    const deadLetters = createDeadLetters(kafka, { topic: deadLetterTopic, prepare: makeTopics });
    const consumer = kafka.consumer({
      groupId,
      maxWaitTimeInMs: 250,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_EVERY_MS,
      retry: { ...RETRIES, restartOnFailure: async () => false },
    });
    let isJoining = false;
    let joining = Promise.resolve();
    try {
      await deadLetters.connect();
      await consumer.connect();
      await consumer.subscribe({ topics: [topic], fromBeginning: true });
      const ended = untilEnd(consumer, signal);
      isJoining = true;
      joining = consumer
        .run({ eachBatchAutoResolve: false, eachBatch: (payload) => takeBatch(payload, deadLetters) })
        .finally(() => {
          isJoining = false;
        });
      await Promise.race([joining, ended]);
      await ended;
    } finally {
      const leaving = joining
        .catch(() => undefined)
        .then(() => consumer.disconnect())
        .catch(onError);
      // Kafka lets who joins wait for a member that was killed: it leaves by itself then, and the end does not wait.
      if (!isJoining) await leaving;
      await deadLetters.disconnect().catch(onError);
    }
  }

  /** Answers how many bytes the dead letters take at once. */
  async function makeTopics(): Promise<number> {
    const { partitions = 6, replicationFactor = -1 } = read;
    const messageBytesMin = COMMAND_BYTES_MAX + DEAD_LETTER_OVERHEAD_BYTES;
    const made = { partitions, replicationFactor };
    const bytesMax = await prepareTopics(kafka, {
      ...made,
      topics: [topic],
      messageBytesMin,
      configEntries: UNCOMPRESSED,
    });
    // The dead-letter topic must accept every message of the commands' topic, plus the reason.
    const letterBytesMin = bytesMax + DEAD_LETTER_OVERHEAD_BYTES;
    const configEntries = [{ name: 'max.message.bytes', value: String(letterBytesMin) }];
    return prepareTopics(kafka, { ...made, topics: [deadLetterTopic], messageBytesMin: letterBytesMin, configEntries });
  }

  async function takeBatch(payload: EachBatchPayload, deadLetters: DeadLetters): Promise<void> {
    const { batch, heartbeat, resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets } = payload;
    for (let start = 0; start < batch.messages.length; start += batchSizeMax) {
      const messages = batch.messages.slice(start, start + batchSizeMax);
      if (!(await untilDone(payload, () => take(messages, batch.partition, deadLetters)))) return;
      resolveOffset(messages.at(-1)?.offset ?? batch.firstOffset() ?? '0');
      await commitOffsetsIfNecessary(uncommittedOffsets());
      await heartbeat();
    }
  }

  /** Tries again until it is done; false when somebody else has the partition by now, or this one stops. */
  async function untilDone(
    { heartbeat, isRunning, isStale }: EachBatchPayload,
    work: () => Promise<void>,
  ): Promise<boolean> {
    const isOver = () => signal.aborted || !isRunning() || isStale();
    for (let attempt = 1; !isOver(); attempt += 1) {
      try {
        await withHeartbeat(heartbeat, work);
        return true;
      } catch (error) {
        onError(error);
      }
      for (let leftMs = backoffMs(BACKOFF, attempt); leftMs > 0 && !isOver(); leftMs -= HEARTBEAT_EVERY_MS) {
        await pause(Math.min(leftMs, HEARTBEAT_EVERY_MS));
        await heartbeat();
      }
    }
    return false;
  }

  /** The database first, then the dead letters: run again, both do the same. */
  async function take(messages: readonly KafkaMessage[], partition: number, deadLetters: DeadLetters): Promise<void> {
    const decoded = messages.map((message) => decodeCommand(toIncoming(message)));
    const commands = decoded.flatMap((one) => (one.ok ? [one] : []));
    await withSpans(topic, commands, async (requests) => {
      const results = (await ledger.requests.submitMany(requests)).values();
      const letters = decoded.flatMap((one, index) => {
        const invalid = one.ok ? refusalOf(results.next().value) : one.invalid;
        const original = messages[index];
        return invalid === undefined || original === undefined ? [] : [{ ...invalid, topic, partition, original }];
      });
      await deadLetters.send(letters);
    });
  }

  async function pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal }).catch(() => undefined);
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** A heartbeat that fails here is reported by the next one, after the work. */
async function withHeartbeat(heartbeat: EachBatchPayload['heartbeat'], work: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => heartbeat().catch(() => undefined), HEARTBEAT_EVERY_MS);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
}

/** Resolves when the signal aborts, rejects when kafkajs gives the consumer up. */
function untilEnd(consumer: Consumer, signal: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
    if (signal.aborted) resolve();
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
  });
  // It is awaited once the consumer runs; until then the failing call reports the error.
  ended.catch(() => undefined);
  return ended;
}

type SubmitResults = Awaited<ReturnType<Ledger['requests']['submitMany']>>;

/** Final refusals become dead letters; if a command may succeed later, its whole batch is retried. */
function refusalOf(result: SubmitResults[number] | undefined): InvalidCommand | undefined {
  if (result === undefined || result.ok) return undefined;
  const { code, message, retryable } = result.error;
  if (retryable) throw result.error;
  return { reason: code, message };
}

function toIncoming({ headers, value }: KafkaMessage): IncomingMessage {
  return {
    value,
    header(name) {
      // Null when it has no value, which kafkajs's types do not say.
      const header: IHeaders[string] | null = headers?.[name];
      return header == null || Array.isArray(header) ? undefined : header.toString();
    },
  };
}
