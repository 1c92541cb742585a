import type { Ledger } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';

type Events = Pick<Ledger['events'], 'oldestWriter'>;

/** Transactions of the ledger end in milliseconds: one that is so old was left open. */
const LEFT_OPEN_SECONDS = 10;

export function registerOldestWriterMetrics(registry: Registry, events: Events): void {
  registerScrapedGauges(registry, () => events.oldestWriter(), [
    {
      // Without labels: the log names the transaction, and a label for each one would be a new series at every scrape.
      name: 'micropay_events_oldest_writer_seconds',
      help: 'Age of the oldest open transaction that has written events; later events wait for it. 0 when there is none.',
      value: (writer) => writer?.seconds ?? 0,
    },
  ]);
}

/** Looks for a transaction that was left open and holds up every reader of events, and logs each one once. */
export function createOldestWriterReport(
  events: Events,
  log: Pick<Logger, 'warn'>,
  leftOpenSeconds = LEFT_OPEN_SECONDS,
): () => Promise<void> {
  let reported = '';
  return async () => {
    const writer = await events.oldestWriter();
    if (writer === null || writer.seconds < leftOpenSeconds) return;
    const { pid, preparedAs, application, database, since } = writer;
    const name = `${pid} ${preparedAs} ${since?.toISOString()}`;
    if (name === reported) return;
    reported = name;
    const remedy = pid === null ? `rollback prepared or commit prepared` : `select pg_terminate_backend(${pid})`;
    log.warn(
      { pid, preparedAs, application, database, since },
      `events wait for a transaction that was left open: end it, if need be by "${remedy}"`,
    );
  };
}
