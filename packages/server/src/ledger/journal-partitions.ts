import { type Ledger, LedgerError, type MaintainOptions, maintain } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { registerScrapedGauges } from '../metrics/scraped-gauges.js';

/** Positions that a maintained journal always has left: those of one partition. */
const POSITIONS_LEFT_MIN = 50_000_000n;

export function registerPartitionMetrics(registry: Registry, ledger: Pick<Ledger, 'partitions'>): void {
  registerScrapedGauges(registry, () => ledger.partitions(), [
    {
      name: 'micropay_journal_positions_left',
      help: 'Positions that the partitions of the journal have left; at 0 every post is refused until "micropay maintain" has run.',
      value: ({ positionsLeft }) => Number(positionsLeft),
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

/** Makes partitions in time, if the role may; otherwise it warns, once, that somebody else has to. */
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
    const { positionsLeft } = await ledger.partitions();
    if (isWarned || positionsLeft >= POSITIONS_LEFT_MIN) return;
    isWarned = true;
    log.warn(
      { positionsLeft: String(positionsLeft) },
      'the journal runs out of partitions, and this role may not make one: run "micropay maintain" as the owner of the tables',
    );
  };
}

function isOfGrants(error: unknown): boolean {
  return error instanceof LedgerError && error.code === 'database_misconfigured' && error.details.reason === 'grants';
}
