import type { DryRun } from '@micropay/ledger-core';
import type { VisibleSides } from './transfer-json.js';

/**
 * How the ledger judges a dry run. Tried with one amount after the other it would tell how much an account may still take,
 * and so what it holds: that is judged of accounts alone whose balance the caller may see.
 */
export function dryRunOf(dryRun: boolean | undefined, { to }: Pick<VisibleSides, 'to'>): DryRun | undefined {
  return dryRun === true && !to ? 'from' : dryRun;
}
