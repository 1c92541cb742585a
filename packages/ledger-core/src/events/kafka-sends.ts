import { type ICustomPartitioner, Partitioners, type RecordMetadata } from 'kafkajs';

/** Compares where the messages of a send had to go with who has taken them. */
export interface SendCheck {
  readonly createPartitioner: ICustomPartitioner;
  /** Before each send. */
  begin(): void;
  /** @throws Error when a partition was sent messages and has not answered for them */
  refuseMissing(answers: readonly RecordMetadata[]): void;
}

/**
 * kafkajs keeps the answers of a send by broker: when a partition moves, in the middle of it, to a broker that has answered
 * for others, the repetition passes its messages over and the send succeeds without them.
 */
export function createSendCheck(): SendCheck {
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
