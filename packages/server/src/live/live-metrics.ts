import type { Ledger } from '@micropay/ledger-core';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { LiveEvents } from './live-events.js';

export function registerLiveMetrics(
  registry: Registry,
  { liveEvents, ledger }: { readonly liveEvents: Pick<LiveEvents, 'counts'>; readonly ledger: Pick<Ledger, 'events'> },
): void {
  const registers = [registry];
  new Gauge({
    name: 'micropay_events_stuck',
    help: '1 while this process cannot follow the log of events, so that its streams wait.',
    aggregator: 'max',
    registers,
    collect() {
      this.set(ledger.events.fault() === undefined ? 0 : 1);
    },
  });
  new Gauge({
    name: 'micropay_event_streams',
    help: 'Live event streams that are open in this process.',
    registers,
    collect() {
      this.set(liveEvents.counts().open);
    },
  });
  new Counter({
    name: 'micropay_event_streams_ended_total',
    help: 'Live event streams that the server ended, by the code of the problem.',
    labelNames: ['code'],
    registers,
    collect() {
      this.reset();
      for (const [code, count] of liveEvents.counts().endedByCode) this.inc({ code }, count);
    },
  });
}
