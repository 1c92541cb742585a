import type { output, ZodType } from 'zod';
import { isUuid } from '../domain/accounts/account.js';
import { invalidArgument, object, objectWith, readable, valid } from '../domain/input/arguments.js';
import { metadata } from '../domain/input/metadata.js';
import type { DomainEventRow } from '../postgres/events.js';
import { type CatalogueEvent, type DomainEvent, EVENT_DATA, isEventType, type LedgerEvent } from './catalogue.js';
import { hasTexts } from './publisher.js';

/** The definition of a domain event: an event of the application, which travels with the ledger's own. */
export interface DomainEventDefinition<Data = unknown> {
  /** Its name with its version, `order.placed.v1`. The first word must not be one of the ledger's own. */
  readonly type: string;
  /** The Kafka topic after the prefix, such as `orders`: 1 to 48 letters, digits and hyphens; not `accounts`, `transfers` or `commands`, which are the ledger's own. */
  readonly topic: string;
  /** The schema of its data; it may not transform them. */
  readonly data: ZodType<Data>;
}

/** A domain event to be written. */
export interface NewDomainEvent<Data> {
  /** UUID of what it is about; the key of the Kafka message. */
  readonly subject: string;
  /** A JSON object of at most 8 KiB. No personal data: a delivered event cannot be taken back. */
  readonly data: Data;
}

const TYPE = /^[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\.v[1-9][0-9]*$/;
const TYPE_LENGTH_MAX = 100;
/** To Kafka, topics that differ in `.` and `_` alone are the same: one of the two could never be made. */
const TOPIC = /^[a-zA-Z0-9-]+$/;
/** Together with a prefix of 200 characters and a dot it is within Kafka's 249. */
const TOPIC_LENGTH_MAX = 48;
/** Consumers of these topics know every type in them; what comes from the topic of commands is carried out. */
const TOPICS_OF_THE_LEDGER: readonly string[] = ['accounts', 'transfers', 'commands'];
const WORDS_OF_THE_LEDGER = new Set(Object.keys(EVENT_DATA).map(firstWord));

function firstWord(type: string): string {
  return type.slice(0, type.indexOf('.'));
}

const readDefinition = object<DomainEventDefinition>({
  type: valid(
    (type) => isText(type, TYPE_LENGTH_MAX) && TYPE.test(type) && !WORDS_OF_THE_LEDGER.has(firstWord(type)),
    `must be a name with a version, such as order.placed.v1, that does not begin with ${[...WORDS_OF_THE_LEDGER].join(', ')}: choose another word`,
  ),
  topic: valid(
    (topic) => isText(topic, TOPIC_LENGTH_MAX) && TOPIC.test(topic) && !TOPICS_OF_THE_LEDGER.includes(topic),
    `must be 1 to 48 letters, digits and hyphens such as orders, and none of ${TOPICS_OF_THE_LEDGER.join(', ')}: choose another name`,
  ),
  data: objectWith<ZodType>('a zod schema, such as z.strictObject({ … })', 'safeParse'),
});

function isText(value: unknown, lengthMax: number): value is string {
  return typeof value === 'string' && value.length <= lengthMax;
}

/**
 * Defines a domain event. Its type and the shape of its data never change: a new shape is a new version.
 *
 * ```ts
 * const orderPlaced = defineDomainEvent({
 *   type: 'order.placed.v1',
 *   topic: 'orders',
 *   data: z.strictObject({ orderId: z.guid() }),
 * });
 * ```
 *
 * @throws {LedgerError} `invalid_request`
 */
export function defineDomainEvent<Schema extends ZodType>(
  definition: Omit<DomainEventDefinition, 'data'> & { readonly data: Schema },
): DomainEventDefinition<output<Schema>> {
  return Object.freeze(checkDefinition(definition, 'definition')) as DomainEventDefinition<output<Schema>>;
}

/** @throws {LedgerError} `invalid_request` */
export const checkDefinition = readable<DomainEventDefinition>(readDefinition);

const readNewEvent = object<NewDomainEvent<unknown>>({
  subject: valid(isUuid, 'must be a UUID in lower case'),
  data: valid((value) => typeof value === 'object' && value !== null, 'must be an object'),
});

/**
 * The output of the schema is stored, under the same limits as metadata, so that every event fits a message.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function toDomainEventRow<Data>(
  definition: DomainEventDefinition<Data>,
  event: NewDomainEvent<Data>,
): DomainEventRow {
  const { type, topic, data: schema } = checkDefinition(definition, 'definition');
  const { subject, data } = readNewEvent(event, 'event');
  return {
    type,
    topic,
    subject,
    data: metadata(readable((value) => validate(schema, type, value))(data, 'data'), 'data'),
  };
}

function validate(schema: DomainEventDefinition['data'], type: string, data: unknown): unknown {
  const { success, data: read, error } = schema.safeParse(data);
  if (success) return read;
  const [issue] = error.issues;
  throw invalidArgument(
    ['data', ...(issue?.path ?? [])].join('.'),
    `must match the definition of ${type}: ${issue?.message}`,
    error,
  );
}

const typedEvent = readable(
  valid<Pick<LedgerEvent, 'type'>>((event) => hasTexts(event, ['type']), 'must be an event of the ledger'),
);

/**
 * Whether an event is a domain event of this definition; then its data has the type that the definition gives it.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function isDomainEvent<Data>(
  event: Pick<LedgerEvent, 'type'>,
  definition: DomainEventDefinition<Data>,
): event is DomainEvent<Data> {
  return typedEvent(event, 'event').type === checkDefinition(definition, 'definition').type;
}

/**
 * Whether the ledger itself wrote an event; then its `type` tells the shape of its data.
 *
 * @throws {LedgerError} `invalid_request`
 */
export function isCatalogueEvent(event: Pick<LedgerEvent, 'type'>): event is CatalogueEvent {
  return isEventType(typedEvent(event, 'event').type);
}
