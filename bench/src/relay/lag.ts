import { randomUUID } from 'node:crypto';
import { createRelay } from '@micropay/ledger-core';
import { createKafkaPublisher } from '@micropay/ledger-core/kafka';
import { CURRENCY, randomMovement } from '../book.js';
import { percentile } from '../latencies.js';
import { pause } from '../load.js';
import { openRelayBook, type RelayBook } from './book.js';
import { observedPublisher } from './observed-publisher.js';
import type { RelayPlace } from './place.js';

const TICK_MS = 10;
const WARM_UP_MS = 2_000;
const EVENTS_PER_TRANSFER = 3;

/** From the moment that an event is recorded until Kafka has acknowledged it. */
export interface Lag {
  /** Transfers posted per second meanwhile. */
  readonly loadPerSecond: number;
  readonly lagP50Ms: number;
  readonly lagP99Ms: number;
  readonly lagMaxMs: number;
}

/** Posts at a steady rate, with engine and relay in this process as a server has them, and watches how old events get. */
export async function measureLag(
  place: RelayPlace,
  { eventsPerSecond, windowMs }: { readonly eventsPerSecond: number; readonly windowMs: number },
): Promise<Lag> {
  const book = await openRelayBook(place);
  let lagsMs: number[] = [];
  let failure: unknown;
  const relay = createRelay({
    database: place.database,
    schema: book.schema,
    sink: 'bench',
    onError: (error) => {
      failure ??= error;
    },
    publisher: observedPublisher(
      createKafkaPublisher({ kafka: { brokers: [...place.brokers] }, topicPrefix: `${book.schema}-lag` }),
      {
        onDelivered: (events) => {
          const now = Date.now();
          for (const { time } of events) lagsMs.push(now - time.getTime());
        },
      },
    ),
  });
  const stopWaking = book.ledger.onCommit(relay.wake);
  try {
    relay.start();
    const load = startSteadyLoad(book, eventsPerSecond / EVENTS_PER_TRANSFER);
    await pause(WARM_UP_MS);
    lagsMs = [];
    const posted = load.posted();
    await pause(windowMs);
    const loadPerSecond = ((load.posted() - posted) * 1_000) / windowMs;
    const sorted = Float64Array.from(lagsMs).sort();
    await load.stop();
    if (failure !== undefined) throw failure;
    return {
      loadPerSecond,
      lagP50Ms: percentile(sorted, 0.5),
      lagP99Ms: percentile(sorted, 0.99),
      lagMaxMs: sorted.at(-1) ?? Number.NaN,
    };
  } finally {
    stopWaking();
    await relay.stop();
    await book.close();
  }
}

/** Posts transfers at a fixed rate, without waiting for results. */
function startSteadyLoad({ ledger, accountIds }: RelayBook, transfersPerSecond: number) {
  const startedAt = performance.now();
  const underWay = new Set<Promise<unknown>>();
  let begun = 0;
  let posted = 0;
  let failure: unknown;
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * transfersPerSecond;
    for (; begun < due; begun += 1) {
      const movement = randomMovement({ accountIds }, false);
      const posting = ledger.transfers
        .post({ ...movement, currency: CURRENCY, idempotencyKey: randomUUID() })
        .then(() => {
          posted += 1;
        })
        .catch((error: unknown) => {
          failure ??= error;
        })
        .finally(() => underWay.delete(posting));
      underWay.add(posting);
    }
  }, TICK_MS);
  return {
    posted: () => posted,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
      if (failure !== undefined) throw failure;
    },
  };
}
