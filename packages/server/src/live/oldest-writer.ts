import type { Ledger, OldestWriter } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import { withDeadline } from '../throttling/deadline.js';
import { sharedWork } from '../throttling/shared-work.js';

type Events = Pick<Ledger['events'], 'oldestWriter'>;

const KEPT_MS = 1_000;
const TIMEOUT_MS = 2_000;
/** Transactions of the ledger end in milliseconds: one that is so old was left open. */
const LEFT_OPEN_SECONDS = 10;

/** Prometheus lines about the transaction that events may wait for; none if the database does not respond. */
export function createOldestWriterMetrics(events: Events): () => Promise<readonly string[]> {
  const read = sharedWork(() => events.oldestWriter(), KEPT_MS);
  return async () => {
    const writer = await withDeadline(TIMEOUT_MS, read(), () => new Error('too late')).catch(() => undefined);
    if (writer === undefined) return [];
    return [
      '# HELP micropay_events_oldest_writer_seconds Age of the oldest transaction that has written to the log of events and has not ended: events behind it wait.',
      '# TYPE micropay_events_oldest_writer_seconds gauge',
      ...(writer === null ? [] : [`micropay_events_oldest_writer_seconds{${labelsOf(writer)}} ${writer.seconds}`]),
    ];
  };
}

function labelsOf({ pid, preparedAs, application, database, since }: OldestWriter): string {
  const labels = {
    pid: pid ?? '',
    prepared: preparedAs ?? '',
    application,
    database,
    since: since?.toISOString() ?? '',
  };
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(String(value))}`)
    .join(',');
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
