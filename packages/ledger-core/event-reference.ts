import type { EventType } from '@micropay/ledger-core';
import { dataSchema, descriptionOf, eventTypes } from './asyncapi-document.js';
import { TOPIC_OF } from './src/kafka/cloudevent.js';

interface Member {
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly enum?: readonly string[];
  readonly description?: string;
  readonly anyOf?: readonly Member[];
}

/** The page about every event, from the same schemas as the code. */
export function eventReference(): string {
  return `# Events

<!-- Generated from packages/ledger-core/src/events/catalogue.ts by "npm run asyncapi": edit that. -->

Every event has an \`id\`, the same in every delivery, a \`type\` with its version, a \`subject\` (the id of what it is about), the
name of its \`ledger\`, a \`time\`, and \`data\` of the shape below. Its \`position\` is its place in the log. A type's
shape only ever gains members. Ids and amounts are strings; amounts are whole minor units.

These are the events that the ledger itself writes. Applications [write their own](../how-to/events-to-kafka.md#write-events-of-your-own); the
server's are \`user.created.v1\` and \`user.closed.v1\` in the topic \`users\`, with the member \`userId\`, and \`user.notified.v1\` in the topic
\`notifications\`, with the member \`userIds\`.

In Kafka it is a CloudEvent in binary mode: see [Send events to Kafka](../how-to/events-to-kafka.md) and
[asyncapi.json](../../packages/ledger-core/asyncapi.json).

${eventTypes().map(sectionOf).join('\n')}`;
}

function sectionOf(type: EventType): string {
  const { properties = {}, required = [] } = dataSchema(type) as {
    readonly properties?: Readonly<Record<string, Member>>;
    readonly required?: readonly string[];
  };
  const rows = Object.entries(properties).map(
    ([name, member]) =>
      `| \`${name}\` | ${kindOf(member)}${required.includes(name) ? '' : ', optional'} | ${noteOf(member)} |`,
  );
  return `## ${type}

${descriptionOf(type)} Topic \`${TOPIC_OF[type]}\`.

| member | type | |
| --- | --- | --- |
${rows.join('\n')}
`;
}

function kindOf(member: Member): string {
  if (member.anyOf !== undefined) return member.anyOf.map(kindOf).join(' or ');
  if (member.enum !== undefined) return member.enum.map((value) => `\`${value}\``).join(', ');
  const types = [member.type ?? 'any JSON'].flat();
  return member.format ?? types.join(' or ');
}

function noteOf(member: Member): string {
  return member.description ?? member.anyOf?.find(({ description }) => description !== undefined)?.description ?? '';
}
