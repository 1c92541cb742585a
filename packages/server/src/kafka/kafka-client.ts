import type { KafkaPublisherOptions } from '@micropay/ledger-core/kafka';
import type { KafkaSettings } from './kafka-settings.js';

/** The connection settings of kafkajs. */
export function kafkaClient({ brokers, tls, sasl }: KafkaSettings): KafkaPublisherOptions['kafka'] {
  return { brokers: [...brokers], ssl: tls, ...(sasl === undefined ? {} : { sasl: saslOptions(sasl) }) };
}

/** kafkajs has a type for each mechanism, not for a choice of them. */
function saslOptions({ mechanism, username, password }: NonNullable<KafkaSettings['sasl']>) {
  switch (mechanism) {
    case 'plain':
      return { mechanism, username, password };
    case 'scram-sha-256':
      return { mechanism, username, password };
    case 'scram-sha-512':
      return { mechanism, username, password };
  }
}
