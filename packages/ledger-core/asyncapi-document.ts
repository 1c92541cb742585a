import { EVENT_DATA, type EventType } from '@micropay/ledger-core';
import { z } from 'zod';
import { TOPIC_NAMES, TOPIC_OF } from './src/events/cloudevent.js';

/** The JSON Schema of a type's data. Members may be added later, so others than these are allowed. */
export function dataSchema(type: EventType) {
  const { $schema: _, ...schema } = z.toJSONSchema(EVENT_DATA[type], { target: 'draft-7', io: 'input' });
  return schema;
}

export function eventTypes(): readonly EventType[] {
  return Object.keys(EVENT_DATA) as EventType[];
}

export function descriptionOf(type: EventType): string {
  return EVENT_DATA[type].meta()?.description ?? '';
}

/** CloudEvents attributes, as Kafka's binary mode puts them into headers. */
function headersOf(type: EventType) {
  const text = (description: string) => ({ type: 'string', description });
  return {
    type: 'object',
    required: ['ce_specversion', 'ce_id', 'ce_type', 'ce_source', 'ce_subject', 'ce_time', 'content-type'],
    properties: {
      ce_specversion: { type: 'string', const: '1.0' },
      ce_id: text('the same in every delivery of this event'),
      ce_type: { type: 'string', const: type },
      ce_source: text('/ledgers/ and the name of the ledger'),
      ce_subject: text('id of what it is about; the key of the message'),
      ce_time: { type: 'string', format: 'date-time' },
      'content-type': { type: 'string', const: 'application/json' },
    },
  };
}

function messageOf(type: EventType) {
  return {
    name: type,
    summary: descriptionOf(type),
    contentType: 'application/json',
    headers: headersOf(type),
    payload: { $ref: `#/components/schemas/${type}` },
    bindings: { kafka: { key: { type: 'string', description: 'ce_subject' }, bindingVersion: '0.5.0' } },
  };
}

function fromEach<Key extends string, Value>(keys: readonly Key[], toValue: (key: Key) => Value) {
  return Object.fromEntries(keys.map((key) => [key, toValue(key)]));
}

/** Every event in Kafka as AsyncAPI 3, from the same schemas as the code. */
export function asyncApiDocument() {
  const typesOf = (topic: string) => eventTypes().filter((type) => TOPIC_OF[type] === topic);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'MicroPay events',
      // Of this catalogue: each type carries a version of its own.
      version: '1.0.0',
      description:
        'What a ledger tells through Kafka: CloudEvents 1.0 in binary mode, at least once, each account in order.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: fromEach(TOPIC_NAMES, (topic) => ({
      address: `{prefix}.${topic}`,
      parameters: { prefix: { default: 'micropay', description: 'the topicPrefix of the publisher' } },
      messages: fromEach(typesOf(topic), (type) => ({ $ref: `#/components/messages/${type}` })),
      bindings: { kafka: { bindingVersion: '0.5.0' } },
    })),
    operations: fromEach(TOPIC_NAMES, (topic) => ({
      action: 'send',
      channel: { $ref: `#/channels/${topic}` },
      messages: typesOf(topic).map((type) => ({ $ref: `#/channels/${topic}/messages/${type}` })),
    })),
    components: {
      messages: fromEach(eventTypes(), messageOf),
      schemas: fromEach(eventTypes(), dataSchema),
    },
  };
}
