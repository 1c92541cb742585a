import type { KafkaConfig } from 'kafkajs';
import {
  type Check,
  invalidArgument,
  list,
  type Members,
  nested,
  optional,
  valid,
  wholeNumber,
} from '../domain/input/arguments.js';

const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;
const GROUP_LENGTH_MAX = 249;
const PARTITIONS_MAX = 100_000;
const REPLICATION_FACTOR_MAX = 1_000;

/** The name of a topic, or the beginning of one. */
export const topicName = valid<string>(
  (value) => typeof value === 'string' && TOPIC.test(value) && !/^\.{1,2}$/.test(value),
  'must be a Kafka name: 1 to 249 letters, digits, ".", "_" and "-"',
);

export const groupName = valid<string>(
  (value) => typeof value === 'string' && value !== '' && value.length <= GROUP_LENGTH_MAX,
  `must be a text of 1 to ${GROUP_LENGTH_MAX} characters`,
);

/** -1 is the broker's own. */
const replicationFactor: Check<number> = (value, name) =>
  value === -1 ? value : wholeNumber(1, REPLICATION_FACTOR_MAX)(value, name);

const broker = valid<string>(
  (value) => typeof value === 'string' && value !== '',
  'must be the address of a broker, such as localhost:9092',
);

/** kafkajs takes it as it is. */
const anything: Check<never> = (value) => value as never;

const SETTINGS: Members<KafkaConfig> = {
  brokers,
  clientId: anything,
  ssl: anything,
  sasl: anything,
  connectionTimeout: anything,
  authenticationTimeout: anything,
  reauthenticationThreshold: anything,
  requestTimeout: anything,
  enforceRequestTimeout: anything,
  retry: anything,
  socketFactory: anything,
  logLevel: anything,
  logCreator: anything,
};

/** A member that is misspelt, `ssl` for one, would be left out without a word. */
export const kafkaArgument = nested<KafkaConfig>(SETTINGS);

function brokers(value: unknown, name: string): KafkaConfig['brokers'] {
  if (typeof value === 'function') return value as KafkaConfig['brokers'];
  const addresses = list(broker)(value, name);
  if (addresses.length === 0) throw invalidArgument(name, 'must be an array of at least one broker');
  return [...addresses];
}

/** Settings of topics that are created. */
export const NEW_TOPICS = {
  partitions: optional(wholeNumber(1, PARTITIONS_MAX)),
  replicationFactor: optional(replicationFactor),
};
