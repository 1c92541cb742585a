import { Counter, Gauge, type Registry } from 'prom-client';
import type { RateLimits } from './rate-limits.js';

/** Registers what the rate limits of this process refuse, and what they cost. */
export function registerRateLimitMetrics(registry: Registry, { counts }: Pick<RateLimits, 'counts'>): void {
  const registers = [registry];
  new Counter({
    name: 'micropay_rate_limit_refusals_total',
    help: 'Requests that were refused because too many came, by the policy of the limit.',
    labelNames: ['policy'],
    registers,
    collect() {
      this.reset();
      for (const [policy, refused] of counts().refusedByPolicy) this.inc({ policy }, refused);
    },
  });
  new Counter({
    name: 'micropay_rate_limit_statements_total',
    help: 'Statements that took requests from the limits which all servers share.',
    registers,
    collect() {
      this.reset();
      this.inc(counts().statements);
    },
  });
  new Gauge({
    name: 'micropay_rate_limit_buckets',
    help: 'Users, API keys and network addresses whose limits this process has in memory.',
    registers,
    collect() {
      this.set(counts().buckets);
    },
  });
}
