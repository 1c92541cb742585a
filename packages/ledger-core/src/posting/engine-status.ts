import type { Pool } from 'pg';
import type { EngineCapacity } from './capacity.js';
import type { Coalescer } from './coalescer.js';
import type { Lane } from './lane.js';

/** Connections to PostgreSQL of one purpose, in this process. */
export interface Connections {
  /** Open at the moment. */
  readonly open: number;
  /** Open, with a statement or a transaction of somebody on them. */
  readonly inUse: number;
  /** Calls that wait for a connection. */
  readonly waiting: number;
  /** The most that are opened. */
  readonly max: number;
}

/** The work that an engine has at the moment, over all ledgers that share it. */
export interface EngineStatus {
  /** Requests without an outcome: in the queue, in a batch, or parked. */
  readonly accepted: number;
  /** Of these, the requests that wait in the queue for a batch. */
  readonly queued: number;
  /** Of these, the requests that wait for an account that somebody else keeps locked. */
  readonly parked: number;
  /** The most that are accepted; further requests are refused with `overloaded`. */
  readonly queueMax: number;
  /** Those that batches are posted on. Batches, not calls, wait for them. */
  readonly lanes: Pick<Connections, 'open' | 'max'>;
  /** Those for reads, and for changes of accounts. */
  readonly reads: Connections;
  /** That of `verify` and of checkpoints. */
  readonly longReads: Connections;
}

export function readEngineStatus({
  capacity,
  coalescer,
  lanes,
  pool,
  longReads,
}: {
  readonly capacity: EngineCapacity;
  readonly coalescer: Coalescer;
  readonly lanes: readonly (Lane | undefined)[];
  readonly pool: Pool;
  readonly longReads: Pool;
}): EngineStatus {
  return {
    ...coalescer.counts(),
    queueMax: capacity.queueMax,
    lanes: { open: lanes.filter((lane) => lane?.isUsable()).length, max: capacity.lanes },
    reads: connectionsOf(pool, capacity.readConnectionsMax),
    longReads: connectionsOf(longReads, 1),
  };
}

function connectionsOf({ totalCount, idleCount, waitingCount }: Pool, max: number): Connections {
  return { open: totalCount, inUse: totalCount - idleCount, waiting: waitingCount, max };
}
