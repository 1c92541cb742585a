import type { IHeaders, KafkaMessage, Message } from 'kafkajs';
import type { Unfit } from './command.js';

/** What is added to a message's own headers at the most. */
export const DEAD_LETTER_OVERHEAD_BYTES = 4 * 1024;
const MESSAGE_LENGTH_MAX = 500;

export interface Letter extends Unfit {
  readonly topic: string;
  readonly partition: number;
  readonly message: string;
  readonly original: KafkaMessage;
}

/**
 * The message as it came, byte for byte, and in its headers why it is here and where it was. A header without a value,
 * which kafkajs can read and not write, becomes an empty one.
 */
export function toDeadLetter({ topic, partition, reason, message, original }: Letter): Message {
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
