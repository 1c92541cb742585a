import { collectDefaultMetrics, Registry } from 'prom-client';

/** Gauges of prom-client's own that are named like counters, which promtool refuses. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

let collected: Registry | undefined;

/**
 * Registers Node's metrics of this process. They are collected once a process: prom-client never ends its observers of
 * garbage collection and of the event loop, so each further set of them would be left behind when its server closes.
 */
export function registerProcessMetrics(registry: Registry): void {
  if (collected === undefined) {
    collected = new Registry();
    collectDefaultMetrics({ register: collected });
    for (const name of MISNAMED) collected.removeSingleMetric(name);
  }
  for (const { name } of collected.getMetricsAsArray()) {
    const metric = collected.getSingleMetric(name);
    if (metric !== undefined) registry.registerMetric(metric);
  }
}
