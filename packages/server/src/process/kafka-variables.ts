import { z } from 'zod';
import { DEAD_LETTERS, type KafkaSettings, mayBeTopicOfEvents, SASL_MECHANISMS } from '../kafka/kafka-settings.js';
import { onOrOff, wholeNumber } from './environment.js';

const PARTITIONS_MAX = 10_000;
const REPLICATION_FACTOR_MAX = 100;
/** Kafka allows topic names of 249 characters; this leaves room for what follows the prefix. */
const PREFIX_LENGTH_MAX = 200;
/** kafkajs takes what stands before the first colon for the host, so that an IPv6 address needs a name. */
const BROKER = /^[a-z0-9._-]+:([0-9]{1,5})$/i;
const PORT_MAX = 65_535;

const BROKER_RULE = `must be host:port, or several separated by commas; a port is 1 to ${PORT_MAX}, and an IPv6 address needs a host name`;

const TOPIC_TYPE = 'letters, digits, ".", "_" and "-"';

const word = z.string().min(1);

/** The variables that say where events go. Without `KAFKA_BROKERS` the others have no effect. */
export const KAFKA_VARIABLES = {
  KAFKA_BROKERS: z
    .string()
    .transform((list) => list.split(',').map((broker) => broker.trim()))
    .pipe(z.array(z.string().refine(isBroker, BROKER_RULE)))
    .optional()
    .meta({
      type: '`host:port`, separated by commas',
      example: 'kafka-1:9092,kafka-2:9092',
      unset: 'events stay in the database',
      description: 'Brokers that events are delivered to. For an IPv6 address use a host name.',
    }),
  KAFKA_TOPIC_PREFIX: word
    .max(PREFIX_LENGTH_MAX)
    .regex(/^[a-z0-9._-]+$/i, 'must contain only letters, digits, ".", "_" and "-"')
    .default('micropay')
    .meta({
      type: TOPIC_TYPE,
      description: 'Topics are `<prefix>.transfers`, `<prefix>.accounts` and `<prefix>.users`.',
    }),
  KAFKA_COMMANDS_TOPIC: word
    .max(PREFIX_LENGTH_MAX)
    .regex(/^[a-z0-9._-]+$/i, 'must contain only letters, digits, ".", "_" and "-"')
    .optional()
    .meta({
      type: TOPIC_TYPE,
      example: 'micropay-commands',
      unset: 'no commands are read',
      description:
        'Topic that commands are read from. Everyone who may write to it can move any money, as an operator can. It must be neither ' +
        'an event topic (`<prefix>.NAME`, but for `<prefix>.commands`) nor a dead-letter topic. `micropay relay` does not read it.',
    }),
  KAFKA_PARTITIONS: wholeNumber(1, PARTITIONS_MAX).default(6).meta({
    unit: 'partitions of a topic',
    description: 'For topics that are created at the start. Existing topics keep theirs.',
  }),
  KAFKA_REPLICATION_FACTOR: wholeNumber(1, REPLICATION_FACTOR_MAX).optional().meta({
    unit: 'copies of a partition',
    example: '3',
    unset: "the broker's default",
    description: 'For topics that are created at the start.',
  }),
  KAFKA_TLS: onOrOff().default('off').meta({
    description: '`on` connects with TLS. Name your own certificate authority in `NODE_EXTRA_CA_CERTS`.',
  }),
  KAFKA_SASL_MECHANISM: z
    .enum(SASL_MECHANISMS, `must be one of ${SASL_MECHANISMS.join(', ')}`)
    .optional()
    .meta({
      example: 'scram-sha-512',
      unset: 'no login',
      description: 'How to log in to the brokers. Requires `KAFKA_SASL_USERNAME` and `KAFKA_SASL_PASSWORD`.',
    }),
  KAFKA_SASL_USERNAME: word
    .optional()
    .meta({ type: 'text', example: 'micropay', description: 'User name for the brokers.' }),
  KAFKA_SASL_PASSWORD: word
    .optional()
    .meta({ type: 'text', example: 'secret', description: 'Password for the brokers.' }),
  RELAY: onOrOff().default('on').meta({
    description: '`off` where `micropay relay` delivers events in a process of its own.',
  }),
};

type KafkaVariables = z.output<z.ZodObject<typeof KAFKA_VARIABLES>>;

function isBroker(text: string): boolean {
  const port = Number(BROKER.exec(text)?.[1]);
  return port >= 1 && port <= PORT_MAX;
}

/** Topics that this server writes to contain no commands. */
export function checkCommandsTopic(variables: KafkaVariables, context: z.RefinementCtx): void {
  const { KAFKA_COMMANDS_TOPIC: topic, KAFKA_TOPIC_PREFIX: prefix } = variables;
  if (topic === undefined) return;
  const refuse = (message: string) => context.addIssue({ code: 'custom', path: ['KAFKA_COMMANDS_TOPIC'], message });
  if (mayBeTopicOfEvents(topic, prefix)) {
    refuse(`must not be an event topic, as "${prefix}.NAME" is: choose a separate topic, such as ${prefix}.commands`);
  }
  if (topic.endsWith(DEAD_LETTERS)) refuse(`must not end in "${DEAD_LETTERS}": that topic receives invalid commands`);
}

/** SASL needs all three variables, or none. */
export function checkSasl(variables: KafkaVariables, context: z.RefinementCtx): void {
  const names = ['KAFKA_SASL_MECHANISM', 'KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const;
  const missing = names.filter((name) => variables[name] === undefined);
  if (missing.length === names.length) return;
  for (const name of missing) {
    context.addIssue({ code: 'custom', path: [name], message: `is missing: SASL needs ${names.join(', ')}` });
  }
}

/** Undefined where no broker is named. */
export function toKafkaSettings(variables: KafkaVariables): KafkaSettings | undefined {
  const { KAFKA_BROKERS: brokers, KAFKA_SASL_MECHANISM: mechanism } = variables;
  if (brokers === undefined) return undefined;
  const { KAFKA_SASL_USERNAME: username = '', KAFKA_SASL_PASSWORD: password = '' } = variables;
  return {
    brokers,
    topicPrefix: variables.KAFKA_TOPIC_PREFIX,
    commandsTopic: variables.KAFKA_COMMANDS_TOPIC,
    partitions: variables.KAFKA_PARTITIONS,
    replicationFactor: variables.KAFKA_REPLICATION_FACTOR,
    tls: variables.KAFKA_TLS === 'on',
    sasl: mechanism === undefined ? undefined : { mechanism, username, password },
    relayInServer: variables.RELAY === 'on',
  };
}
