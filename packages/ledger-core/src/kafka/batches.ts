import type { TopicMessages } from 'kafkajs';
import type { LedgerEvent } from '../events/catalogue.js';
import { toKafkaMessage } from './cloudevent.js';

/** An upper bound of what Kafka adds to a message and to each of its headers. */
const MESSAGE_OVERHEAD_BYTES = 64;
const HEADER_OVERHEAD_BYTES = 8;
/** Bytes that Kafka adds to the messages of one partition. */
const BATCH_OVERHEAD_BYTES = 1024;

/**
 * Splits events, in order, into sends of which none exceeds what a topic takes: its limit is on all messages
 * of one send to one partition, and all of a topic may go to the same one.
 */
export function toKafkaBatches(
  events: readonly LedgerEvent[],
  { topicPrefix, bytesMax }: { readonly topicPrefix: string; readonly bytesMax: number },
): readonly TopicMessages[][] {
  const batches: Map<string, SizedMessages>[] = [];
  for (const event of events) {
    const { topic, key, value, headers } = toKafkaMessage(event);
    const size = sizeOf(key, value, headers);
    let batch = batches.at(-1);
    if (batch === undefined || (batch.get(topic)?.bytes ?? BATCH_OVERHEAD_BYTES) + size > bytesMax) {
      batch = new Map();
      batches.push(batch);
    }
    let sized = batch.get(topic);
    if (sized === undefined) {
      sized = { topic: `${topicPrefix}.${topic}`, messages: [], bytes: BATCH_OVERHEAD_BYTES };
      batch.set(topic, sized);
    }
    sized.messages.push({ key, value, headers });
    sized.bytes += size;
  }
  return batches.map((batch) => [...batch.values()].map(({ topic, messages }) => ({ topic, messages })));
}

/** Messages of one topic, and what they come to in one partition. */
interface SizedMessages extends TopicMessages {
  bytes: number;
}

function sizeOf(key: string, value: string, headers: Readonly<Record<string, string>>): number {
  let bytes = MESSAGE_OVERHEAD_BYTES + key.length + Buffer.byteLength(value);
  // Attributes are ASCII: ids, types, an encoded path, a date.
  for (const name in headers) bytes += HEADER_OVERHEAD_BYTES + name.length + (headers[name]?.length ?? 0);
  return bytes;
}
