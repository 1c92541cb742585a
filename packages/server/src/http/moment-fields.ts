import { z } from '@hono/zod-openapi';
import { MOMENT_PATTERN } from './fields.js';
import { given } from './given.js';

export const MomentField = z
  .string()
  .regex(MOMENT_PATTERN, 'must be an instant such as 2026-03-01T09:30:00Z or a day such as 2026-03-01')
  .openapi({ description: 'An instant (RFC 3339), or a day in the ledger’s time zone', example: '2026-03-01' });

export const ByField = z.enum(['recorded', 'effective']).openapi({
  description:
    '`recorded`: by the time at which the ledger recorded a transfer, so past balances never change. `effective`: by the time from which it counts',
});

export const AsOfQuery = z.strictObject({
  at: MomentField.optional().openapi({
    description: 'The last instant to include; a day is included to its end. Default: now',
  }),
  by: ByField.optional(),
});

/** The moment that a query asks for; undefined for the current balance, which includes transfers that are effective later. */
export function momentAskedFor({ at, by }: z.output<typeof AsOfQuery>) {
  if (at !== undefined) return { at, ...given({ by }) };
  return by === 'effective' ? { at: new Date().toISOString(), by } : undefined;
}
