export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;

/** Suffix of the dead-letter topic, after the name of the commands' topic. */
export const DEAD_LETTERS = '.dead-letters';

/** The relay's connection to Kafka. */
export interface KafkaSettings {
  /** `host:port` of each. */
  readonly brokers: readonly string[];
  /** Topics are `<prefix>.transfers` and so on. */
  readonly topicPrefix: string;
  /** The topic that commands are read from; without it there are none. Anyone who may write to it has an operator's rights. */
  readonly commandsTopic?: string | undefined;
  /** Partitions of topics that are created; existing topics are not changed. */
  readonly partitions: number;
  /** Replication factor of topics that are created; default: the broker's. */
  readonly replicationFactor?: number | undefined;
  readonly tls: boolean;
  readonly sasl?:
    | { readonly mechanism: (typeof SASL_MECHANISMS)[number]; readonly username: string; readonly password: string }
    | undefined;
  /** False if the relay runs in a separate process. */
  readonly relayInServer: boolean;
}

/** A topic that events may be written to: one of ours, or one that an application's own event names later, but for `commands`. */
export function mayBeTopicOfEvents(topic: string, prefix: string): boolean {
  if (topic === `${prefix}.commands`) return false;
  // To Kafka, names that differ in "." and "_" alone are the same.
  const [name, beginning] = [topic, `${prefix}.`].map((text) => text.replaceAll('_', '.')) as [string, string];
  return name.startsWith(beginning) && /^[a-z0-9-]{1,48}$/i.test(name.slice(beginning.length));
}

/** The settings as they may be logged. */
export function redactKafka({ sasl, ...settings }: KafkaSettings): Record<string, unknown> {
  return { ...settings, ...(sasl === undefined ? {} : { sasl: { ...sasl, password: '[redacted]' } }) };
}
