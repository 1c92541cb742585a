import {
  createRelay,
  type EventPublisher,
  type Ledger,
  LedgerError,
  MisconfiguredSinkError,
  type Relay,
} from '@micropay/ledger-core';
import type { KafkaPublisherOptions } from '@micropay/ledger-core/kafka';
import type { Logger } from 'pino';
import { StartError } from '../errors/start-error.js';
import { withDeadline } from '../throttling/deadline.js';
import { userClosed, userCreated, userNotified } from '../users/user-events.js';
import { kafkaClient } from './kafka-client.js';
import type { KafkaSettings } from './kafka-settings.js';

/** Name of the cursor and of the lead: one for all processes. */
export const KAFKA_SINK = 'kafka';
const PROBE_TIMEOUT_MS = 5_000;
/** A delivery to a broker that is gone ends sooner; one to a broker that hangs is abandoned and repeated. */
const STOP_TIMEOUT_MS = 8_000;

/** The relay to Kafka in this process, with what it has done here so far. */
export interface KafkaRelay extends Pick<Relay, 'status'> {
  /** Events that brokers have taken from this process. */
  readonly delivered: number;
  /** Deliveries and connections of this process that failed; each is tried again. */
  readonly failures: number;
  /** How often events of a ledger were deleted before the sink had received them. */
  readonly ledgersWithGoneEvents: number;
  /**
   * Asks the brokers, before anything is delivered, whether they take messages of every size. If none responds, the
   * relay will wait for them: that is no reason not to start.
   *
   * @throws {StartError} `broker_misconfigured`
   */
  refuseMisconfiguredBroker(): Promise<void>;
  /** Delivers until it is stopped; a ledger of this process wakes it with each commit. */
  start(ledger?: Ledger): void;
  /** Ends after the delivery under way, in eight seconds at most. */
  stop(): Promise<void>;
}

/** Makes the relay; nothing connects yet. kafkajs is loaded here, so that servers without Kafka do without it. */
export async function createKafkaRelay(
  { databaseUrl, databaseSchema }: { readonly databaseUrl: string; readonly databaseSchema: string },
  kafka: KafkaSettings,
  log: Logger,
): Promise<KafkaRelay> {
  const { createKafkaPublisher } = await import('@micropay/ledger-core/kafka');
  const publisher = createKafkaPublisher(publisherOptions(kafka));
  let delivered = 0;
  let failures = 0;
  let ledgersWithGoneEvents = 0;
  let stopListening: (() => void) | undefined;
  const relay = createRelay({
    database: databaseUrl,
    schema: databaseSchema,
    sink: KAFKA_SINK,
    publisher: counting(publisher, (events) => {
      delivered += events;
    }),
    onError(error) {
      if (error instanceof LedgerError && error.code === 'events_gone') {
        ledgersWithGoneEvents += 1;
        log.warn({ sink: KAFKA_SINK, err: error }, 'events were deleted before the sink had received them');
        return;
      }
      failures += 1;
      log.warn({ sink: KAFKA_SINK, err: error }, 'the relay could not deliver and will retry');
    },
  });

  return {
    status: relay.status,
    start(ledger) {
      stopListening = ledger?.onCommit(relay.wake);
      relay.start();
    },
    get delivered() {
      return delivered;
    },
    get failures() {
      return failures;
    },
    get ledgersWithGoneEvents() {
      return ledgersWithGoneEvents;
    },
    async refuseMisconfiguredBroker() {
      // A connection of its own: one that comes too late is closed by itself and is in nobody's way.
      const probe = createKafkaPublisher(publisherOptions(kafka));
      const probing = probe.connect().finally(() => probe.close());
      try {
        await withDeadline(
          PROBE_TIMEOUT_MS,
          probing,
          () => new Error(`no broker answered within ${PROBE_TIMEOUT_MS} ms`),
        );
      } catch (error) {
        if (error instanceof MisconfiguredSinkError)
          throw new StartError('broker_misconfigured', error.message, { cause: error });
        log.warn({ sink: KAFKA_SINK, err: error }, 'no broker can be reached yet: events wait in the database');
      }
    },
    async stop() {
      stopListening?.();
      const tooLate = () => new Error('the broker did not answer in time: the delivery under way will come again');
      await withDeadline(STOP_TIMEOUT_MS, relay.stop(), tooLate).catch((error: unknown) =>
        log.warn({ sink: KAFKA_SINK, err: error }, 'the relay did not stop in time'),
      );
    },
  };
}

function publisherOptions(settings: KafkaSettings) {
  const { topicPrefix, partitions, replicationFactor } = settings;
  const options: KafkaPublisherOptions = {
    kafka: kafkaClient(settings),
    topicPrefix,
    domainEvents: [userCreated, userClosed, userNotified],
    partitions,
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
  };
  return options;
}

function counting(publisher: EventPublisher, onDelivered: (events: number) => void): EventPublisher {
  return {
    ...publisher,
    async publish(events) {
      await publisher.publish(events);
      onDelivered(events.length);
    },
  };
}
