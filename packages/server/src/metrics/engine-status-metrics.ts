import type { Connections, EngineStatus, Ledger } from '@micropay/ledger-core';
import { Gauge, type Registry } from 'prom-client';
import type { ServerPool } from '../database/connect.js';

interface StatusGauge {
  readonly name: string;
  readonly help: string;
  readonly value: (status: EngineStatus) => number;
}

const GAUGES: readonly StatusGauge[] = [
  {
    name: 'micropay_engine_requests',
    help: 'Requests in this process that have no outcome yet: in the queue, in a batch, or parked.',
    value: ({ accepted }) => accepted,
  },
  {
    name: 'micropay_engine_requests_max',
    help: 'The most requests without an outcome; further ones are refused with overloaded.',
    value: ({ queueMax }) => queueMax,
  },
  {
    name: 'micropay_engine_queued_requests',
    help: 'Requests that wait in the queue for a batch.',
    value: ({ queued }) => queued,
  },
  {
    name: 'micropay_engine_parked_requests',
    help: 'Requests that wait for an account that another transaction keeps locked.',
    value: ({ parked }) => parked,
  },
];

/** Registers what waits in this process, and its connections to PostgreSQL. No scrape asks the database for it. */
export function registerEngineStatusMetrics(
  registry: Registry,
  { ledger, pool }: { readonly ledger: Pick<Ledger, 'engineStatus'>; readonly pool: ServerPool },
): void {
  for (const { name, help, value } of GAUGES) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(value(ledger.engineStatus()));
      },
    });
  }
  const pools = () => poolsOf(ledger.engineStatus(), pool);
  registerPoolGauge(registry, pools, 'micropay_pool_connections', 'Open connections to PostgreSQL.', 'open');
  registerPoolGauge(registry, pools, 'micropay_pool_connections_max', 'The most connections of the pool.', 'max');
  registerPoolGauge(registry, pools, 'micropay_pool_connections_in_use', 'Connections with work on them.', 'inUse');
  registerPoolGauge(registry, pools, 'micropay_pool_waiting_calls', 'Calls that wait for a connection.', 'waiting');
}

type Pools = Readonly<Record<string, Partial<Connections>>>;

function poolsOf({ lanes, reads, longReads }: EngineStatus, server: ServerPool): Pools {
  return { lanes, reads, long_reads: longReads, server: server.connections() };
}

function registerPoolGauge(
  registry: Registry,
  pools: () => Pools,
  name: string,
  help: string,
  member: keyof Connections,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['pool'],
    registers: [registry],
    collect() {
      for (const [pool, { [member]: value }] of Object.entries(pools())) {
        if (value !== undefined) this.set({ pool }, value);
      }
    },
  });
}
