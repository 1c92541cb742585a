import { type ICustomPartitioner, type Kafka, Partitioners, type RecordMetadata, type TopicMessages } from 'kafkajs';

/**
 * After these retries, about three seconds, a send fails and the caller decides. Without a limit, kafkajs would continue in
 * the background and send an old batch after newer ones.
 */
export const RETRIES = { retries: 5, initialRetryTime: 100, maxRetryTime: 2_000 };

/** Idempotent, in order, and acknowledged by all in-sync replicas of every partition. */
export interface CheckedProducer {
  connect(): Promise<void>;
  /** Resolves when Kafka has all of them durably. One at a time. */
  send(topicMessages: TopicMessages[]): Promise<void>;
  disconnect(): Promise<void>;
}

export function createCheckedProducer(kafka: Kafka): CheckedProducer {
  const check = createSendCheck();
  const producer = kafka.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner: check.createPartitioner,
    retry: RETRIES,
  });
  return {
    connect: () => producer.connect(),
    async send(topicMessages) {
      check.begin();
      check.refuseMissing(await producer.sendBatch({ acks: -1, topicMessages }));
    },
    disconnect: () => producer.disconnect(),
  };
}

/** Compares where the messages of a send had to go with who has taken them. */
interface SendCheck {
  readonly createPartitioner: ICustomPartitioner;
  /** Before each send. */
  begin(): void;
  /** @throws Error when a partition was sent messages and has not answered for them */
  refuseMissing(answers: readonly RecordMetadata[]): void;
}

/**
 * kafkajs stores the responses of a send by broker. When a partition moves during the send to a broker that has already
 * responded for other partitions, the retry skips its messages and the send succeeds without them.
 */
function createSendCheck(): SendCheck {
  const chosen = new Set<string>();
  return {
    createPartitioner() {
      const choose = Partitioners.DefaultPartitioner();
      return (given) => {
        const partition = choose(given);
        chosen.add(`${given.topic} ${partition}`);
        return partition;
      };
    },
    begin: () => chosen.clear(),
    refuseMissing(answers) {
      for (const { topicName, partition } of answers) chosen.delete(`${topicName} ${partition}`);
      const [missing] = chosen;
      if (missing !== undefined) throw new Error(`Kafka has not answered for partition ${missing}`);
    },
  };
}
