import { Gauge, type Registry } from 'prom-client';
import type { IssuerKeys } from './issuer-keys.js';

/** Registers whether the issuer is reachable. */
export function registerIssuerMetrics(registry: Registry, keys: Pick<IssuerKeys, 'isUp'>): void {
  new Gauge({
    name: 'micropay_oidc_issuer_up',
    help: '1 if the keys of the other issuer could be read when they were last looked at.',
    // Of several workers the one that could not counts.
    aggregator: 'min',
    registers: [registry],
    collect() {
      this.set(Number(keys.isUp()));
    },
  });
}
