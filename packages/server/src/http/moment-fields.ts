import { z } from '@hono/zod-openapi';
import { MOMENT_PATTERN } from './fields.js';
import { given } from './given.js';

export const MomentField = z
  .string()
  .regex(MOMENT_PATTERN, 'must be an instant such as 2026-03-01T09:30:00Z or a day such as 2026-03-01')
  .openapi({ description: 'An instant (RFC 3339), or a day in the ledger’s time zone', example: '2026-03-01' });

export const ByField = z.enum(['recorded', 'effective']).openapi({
  description: 'When the ledger recorded a transfer, which never changes afterwards, or when it is effective',
});

export const AsOfQuery = z.strictObject({
  at: MomentField.optional().openapi({
    description: 'The last instant that counts; a day counts to its end; now when left out',
  }),
  by: ByField.optional(),
});

/** The moment that a query asks for; undefined for the present balance. What is effective later is in that balance already. */
export function momentAskedFor({ at, by }: z.output<typeof AsOfQuery>) {
  if (at !== undefined) return { at, ...given({ by }) };
  return by === 'effective' ? { at: new Date().toISOString(), by } : undefined;
}
