/** Settings from the environment. */
export interface Settings {
  readonly brokers: string[];
  /** The summary's own database, not the ledger's. */
  readonly database: string;
  readonly topicPrefix: string;
  readonly groupId: string;
}

/** @throws {Error} for what is missing, and for words, as all settings are variables */
export function readSettings(
  environment: Readonly<Record<string, string | undefined>>,
  words: readonly string[],
): Settings {
  const { KAFKA_BROKERS, DATABASE_URL, TOPIC_PREFIX, GROUP_ID } = environment;
  if (words.length > 0) throw new Error(`it takes no arguments, and "${words.join(' ')}" was given`);
  if (!KAFKA_BROKERS) {
    throw new Error('set KAFKA_BROKERS to the brokers that the ledger delivers its events to, as host:port');
  }
  if (!DATABASE_URL) {
    throw new Error(
      'set DATABASE_URL to a PostgreSQL for the summary, or start this with npm run example:kafka-consumer',
    );
  }
  return {
    brokers: KAFKA_BROKERS.split(','),
    database: DATABASE_URL,
    topicPrefix: TOPIC_PREFIX || 'micropay',
    groupId: GROUP_ID || 'spending-summary',
  };
}
