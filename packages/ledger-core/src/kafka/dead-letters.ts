import type { IHeaders, Kafka, KafkaMessage, Message } from 'kafkajs';
import type { InvalidCommand } from './command.js';
import { createCheckedProducer } from './sends.js';

/** The most bytes that are added to a message's own headers. */
export const DEAD_LETTER_OVERHEAD_BYTES = 4 * 1024;
const MESSAGE_LENGTH_MAX = 500;

export interface Letter extends InvalidCommand {
  readonly topic: string;
  readonly partition: number;
  readonly message: string;
  readonly original: KafkaMessage;
}

export interface DeadLettersOptions {
  readonly topic: string;
  /** Creates the topic if it is missing, and returns its message size limit in bytes. */
  readonly prepare: () => Promise<number>;
}

export interface DeadLetters {
  connect(): Promise<void>;
  /** Resolves when Kafka has all of them durably. */
  send(letters: readonly Letter[]): Promise<void>;
  disconnect(): Promise<void>;
}

/** Writes dead letters, as many at once as the topic takes: each send is a round trip to the replicas. */
export function createDeadLetters(kafka: Kafka, { topic, prepare }: DeadLettersOptions): DeadLetters {
  const producer = createCheckedProducer(kafka);
  let bytesMax: number | undefined;
  return {
    async connect() {
      bytesMax = await prepare();
      await producer.connect();
    },
    async send(letters) {
      try {
        bytesMax ??= await prepare();
        for (const messages of toSends(letters.map(toDeadLetter), bytesMax)) {
          await producer.send([{ topic, messages }]);
        }
      } catch (error) {
        // The topic may have been deleted, to be rid of its letters, or take less than it did.
        bytesMax = undefined;
        throw error;
      }
    },
    disconnect: () => producer.disconnect(),
  };
}

/** Generously, what Kafka adds to the messages of a send, and to each text of a message. */
const SEND_OVERHEAD_BYTES = 1024;
const TEXT_OVERHEAD_BYTES = 32;

/** In order, and none above what the topic takes but by one message that is alone: all may go to one partition. */
function toSends(messages: readonly Message[], bytesMax: number): Message[][] {
  const sends: Message[][] = [];
  let bytes = bytesMax;
  for (const message of messages) {
    const size = sizeOf(message);
    if (bytes + size > bytesMax) {
      sends.push([]);
      bytes = SEND_OVERHEAD_BYTES;
    }
    sends.at(-1)?.push(message);
    bytes += size;
  }
  return sends;
}

function sizeOf({ key = null, value, headers = {} }: Message): number {
  const ofHeaders = Object.entries(headers).flatMap(([name, values]) => [values].flat().flatMap((one) => [name, one]));
  return [key, value, ...ofHeaders].reduce(
    (bytes, text) => bytes + TEXT_OVERHEAD_BYTES + Buffer.byteLength(text ?? ''),
    0,
  );
}

/**
 * The message as it came, byte for byte, and in its headers why it is here and where it was. A header without a value,
 * which kafkajs can read and not write, becomes an empty one.
 */
function toDeadLetter({ topic, partition, reason, message, original }: Letter): Message {
  const { key, value, headers = {}, offset } = original;
  const why: IHeaders = {
    'dead-letter-reason': reason,
    'dead-letter-message': message.slice(0, MESSAGE_LENGTH_MAX),
    'dead-letter-topic': topic,
    'dead-letter-partition': String(partition),
    'dead-letter-offset': offset,
  };
  return { key, value, headers: { ...withValues(headers), ...why } };
}

function withValues(headers: IHeaders): IHeaders {
  const textOf = (value: string | Buffer | null | undefined) => value ?? '';
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(textOf) : textOf(value)]),
  );
}
