import type { TopicMessages } from 'kafkajs';
import type { LedgerEvent } from './catalogue.js';
import { toKafkaMessage } from './cloudevent.js';

/** What Kafka adds to a message and to each of its headers, generously. */
const MESSAGE_OVERHEAD_BYTES = 64;
const HEADER_OVERHEAD_BYTES = 8;
/** What Kafka adds to the messages of one partition. */
const BATCH_OVERHEAD_BYTES = 1024;

/**
 * Splits events, in order, into sends of which none exceeds what a topic takes: its limit is on all messages
 * of one send to one partition, and all of them may go to the same one.
 */
export function toKafkaBatches(
  events: readonly LedgerEvent[],
  { topicPrefix, bytesMax }: { readonly topicPrefix: string; readonly bytesMax: number },
): readonly TopicMessages[][] {
  const batches: TopicMessages[][] = [];
  let byTopic = new Map<string, TopicMessages>();
  let bytes = Number.POSITIVE_INFINITY;
  for (const event of events) {
    const { topic, key, value, headers } = toKafkaMessage(event);
    const size = sizeOf(key, value, headers);
    if (bytes + size > bytesMax) {
      byTopic = new Map();
      batches.push([]);
      bytes = BATCH_OVERHEAD_BYTES;
    }
    bytes += size;
    let messages = byTopic.get(topic);
    if (messages === undefined) {
      messages = { topic: `${topicPrefix}.${topic}`, messages: [] };
      byTopic.set(topic, messages);
      batches.at(-1)?.push(messages);
    }
    messages.messages.push({ key, value, headers: { ...headers } });
  }
  return batches;
}

function sizeOf(key: string, value: string, headers: Readonly<Record<string, string>>): number {
  let bytes = MESSAGE_OVERHEAD_BYTES + key.length + Buffer.byteLength(value);
  // Attributes are ASCII: ids, types, an encoded path, a date.
  for (const name in headers) bytes += HEADER_OVERHEAD_BYTES + name.length + (headers[name]?.length ?? 0);
  return bytes;
}
