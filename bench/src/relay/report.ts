import type { RelayResult } from './measure-relay.js';

/** One line of JSON, with the digits that mean something. */
export function toRelayJson(result: RelayResult): string {
  return JSON.stringify({
    name: 'relay',
    transfersPerSecond: Math.round(result.transfersPerSecond),
    withoutEventsPerSecond: Math.round(result.withoutEventsPerSecond),
    eventCost: thousandths(result.eventCost),
    drainPerSecond: Math.round(result.drainPerSecond),
    producerPerSecond: Math.round(result.producerPerSecond),
    drainRatio: thousandths(result.drainRatio),
    loadPerSecond: Math.round(result.loadPerSecond),
    lagP50Ms: result.lagP50Ms,
    lagP99Ms: result.lagP99Ms,
    lagMaxMs: result.lagMaxMs,
  });
}

export function toRelayTable(result: RelayResult): string {
  const whole = (value: number) => Math.round(value).toLocaleString('en-US').padStart(8);
  const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
  return [
    `relay (${result.settings})`,
    `  transfers/s, relay off        ${whole(result.transfersPerSecond)}`,
    `  the same without event part   ${whole(result.withoutEventsPerSecond)}   events cost ${percent(result.eventCost)}`,
    `  events/s drained to Kafka     ${whole(result.drainPerSecond)}`,
    `  kafkajs by itself             ${whole(result.producerPerSecond)}   the relay reaches ${percent(result.drainRatio)}`,
    `  lag at ${Math.round(result.loadPerSecond).toLocaleString('en-US')} transfers/s: ` +
      `p50 ${result.lagP50Ms} ms, p99 ${result.lagP99Ms} ms, at most ${result.lagMaxMs} ms`,
  ].join('\n');
}

function thousandths(value: number): number {
  return Math.round(value * 1_000) / 1_000;
}
