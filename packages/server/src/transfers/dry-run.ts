import type { DryRun } from '@micropay/ledger-core';
import type { VisibleSides } from './transfer-json.js';

/**
 * Chooses the checks of a dry run. Repeated with different amounts, a dry run would reveal how much an account may still
 * receive, and so its balance. The maximum is therefore checked only for accounts whose balance the caller may see.
 */
export function dryRunOf(dryRun: boolean | undefined, { to }: Pick<VisibleSides, 'to'>): DryRun | undefined {
  return dryRun === true && !to ? 'from' : dryRun;
}
