import {
  type JournalPartitions,
  type Ledger,
  LedgerError,
  type MaintainOptions,
  maintain,
} from '@micropay/ledger-core';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';

/**
 * Whether nobody maintains the journal: a job that comes once an hour leaves two thirds of what is kept ahead, where that is drawn in
 * three hours. The alert has the same bound.
 */
function isLate({ positionsLeft, positionsAhead }: JournalPartitions): boolean {
  return positionsLeft < positionsAhead / 2n;
}

export function registerPartitionMetrics(registry: Registry, ledger: Pick<Ledger, 'partitions'>): void {
  registerScrapedGauges(registry, () => ledger.partitions(), [
    {
      name: 'micropay_journal_positions_left',
      help: 'Positions that the partitions of the journal have left; at 0 every post is refused until "micropay maintain" has run.',
      value: ({ positionsLeft }) => Number(positionsLeft),
    },
    {
      name: 'micropay_journal_positions_ahead',
      help: 'Positions that "micropay maintain" leaves at least: as many as a partition has, ten million, or three hours at the rate of late.',
      value: ({ positionsAhead }) => Number(positionsAhead),
    },
    {
      name: 'micropay_journal_partitions',
      help: 'Partitions of the journal.',
      value: ({ partitions }) => partitions.length,
    },
  ]);
}

interface Dependencies {
  readonly ledger: Pick<Ledger, 'partitions'>;
  readonly tables: Pick<MaintainOptions, 'database' | 'schema'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
}

/** Makes partitions in time, if the role may; otherwise it warns, once until there are enough again, that somebody else has to. */
export function createPartitionKeeper({ ledger, tables, log }: Dependencies): () => Promise<void> {
  let isWarned = false;
  return async () => {
    const report = await maintain(tables).catch((error: unknown) => {
      if (isOfGrants(error)) return undefined;
      throw error;
    });
    if (report !== undefined) {
      const { added, sealed } = report;
      if (added.length + sealed.length > 0)
        log.info({ added, sealed }, 'the partitions of the journal were maintained');
      isWarned = false;
      return;
    }
    const now = await ledger.partitions();
    const { positionsLeft } = now;
    const isWarning = isLate(now);
    const isNew = isWarning && !isWarned;
    isWarned = isWarning;
    if (!isNew) return;
    log.warn(
      { positionsLeft: String(positionsLeft) },
      'the journal runs out of partitions, and this role may not make one: run "micropay maintain" as the owner of the tables',
    );
  };
}

function isOfGrants(error: unknown): boolean {
  return error instanceof LedgerError && error.code === 'database_misconfigured' && error.details.reason === 'grants';
}
