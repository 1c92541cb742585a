import { EVENT_DATA, type EventType } from '@micropay/ledger-core';
import { z } from 'zod';
import { TOPIC_NAMES, TOPIC_OF } from './src/kafka/cloudevent.js';
import { COMMAND_DATA, type CommandType } from './src/kafka/command.js';

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
    required: [
      'ce_specversion',
      'ce_id',
      'ce_type',
      'ce_source',
      'ce_subject',
      'ce_time',
      'ce_position',
      'content-type',
    ],
    properties: {
      ce_specversion: { type: 'string', const: '1.0' },
      ce_id: text('the same in every delivery of this event'),
      ce_type: { type: 'string', const: type },
      ce_source: text('/ledgers/ and the name of the ledger'),
      ce_subject: text('id of what it is about; the key of the message'),
      ce_time: { type: 'string', format: 'date-time' },
      ce_position: text('place in the order of all events of the database, in digits; events of one transfer share it'),
      'content-type': { type: 'string', const: 'application/json' },
      ce_traceparent: text('W3C trace context of the request that it comes from, if that was sampled'),
      traceparent: text('the same, where instrumentations of Kafka clients look for it'),
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

function commandMessageOf(type: CommandType) {
  const text = (description: string) => ({ type: 'string', pattern: '^[\\x21-\\x7e]{1,200}$', description });
  return {
    name: type,
    summary: COMMAND_DATA[type].meta()?.description ?? '',
    contentType: 'application/json',
    headers: {
      type: 'object',
      required: ['ce_id', 'ce_source', 'ce_type'],
      properties: {
        ce_id: text('names the command for ever within its source: again, it is the same request'),
        ce_source: text('who asks'),
        ce_type: { type: 'string', const: type },
        traceparent: {
          type: 'string',
          description: 'W3C trace context, which the transfer and its events continue if it is sampled',
        },
      },
    },
    payload: { $ref: `#/components/schemas/${type}` },
    bindings: { kafka: { bindingVersion: '0.5.0' } },
  };
}

function commandSchema(type: CommandType) {
  const { $schema: _, ...schema } = z.toJSONSchema(COMMAND_DATA[type], { target: 'draft-7', io: 'input' });
  return schema;
}

const COMMAND_TYPES = Object.keys(COMMAND_DATA) as CommandType[];

const commandsChannel = {
  address: '{topic}',
  description: 'Who may write here has the power of an operator. What is no command goes to {topic}.dead-letters.',
  parameters: { topic: { default: 'micropay.commands', description: 'the topic of the command consumer' } },
  messages: fromEach(COMMAND_TYPES, (type) => ({ $ref: `#/components/messages/${type}` })),
  bindings: { kafka: { bindingVersion: '0.5.0' } },
};

/** Every event and command in Kafka as AsyncAPI 3, from the same schemas as the code. */
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
    channels: {
      commands: commandsChannel,
      ...fromEach(TOPIC_NAMES, (topic) => ({
        address: `{prefix}.${topic}`,
        parameters: { prefix: { default: 'micropay', description: 'the topicPrefix of the publisher' } },
        messages: fromEach(typesOf(topic), (type) => ({ $ref: `#/components/messages/${type}` })),
        bindings: { kafka: { bindingVersion: '0.5.0' } },
      })),
    },
    operations: {
      commands: {
        action: 'receive',
        channel: { $ref: '#/channels/commands' },
        messages: COMMAND_TYPES.map((type) => ({ $ref: `#/channels/commands/messages/${type}` })),
      },
      ...fromEach(TOPIC_NAMES, (topic) => ({
        action: 'send',
        channel: { $ref: `#/channels/${topic}` },
        messages: typesOf(topic).map((type) => ({ $ref: `#/channels/${topic}/messages/${type}` })),
      })),
    },
    components: {
      messages: { ...fromEach(eventTypes(), messageOf), ...fromEach(COMMAND_TYPES, commandMessageOf) },
      schemas: { ...fromEach(eventTypes(), dataSchema), ...fromEach(COMMAND_TYPES, commandSchema) },
    },
  };
}
