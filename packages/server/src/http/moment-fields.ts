import { z } from '@hono/zod-openapi';

const MOMENT_PATTERN = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]{8,12}(?:Z|[+-][0-9]{2}:[0-9]{2}))?$/;

/** The ledger judges it; this says what it looks like. */
export const MomentField = z
  .string()
  .regex(MOMENT_PATTERN, 'must be an instant such as 2026-03-01T09:30:00Z or a day such as 2026-03-01')
  .openapi({ description: 'An instant (RFC 3339), or a day in the ledger’s time zone', example: '2026-03-01' });

export const ByField = z.enum(['recorded', 'effective']).openapi({
  description: 'When the ledger recorded a transfer, which never changes afterwards, or when it is effective',
});

export const AsOfQuery = z
  .strictObject({
    at: MomentField.optional().openapi({ description: 'The last instant that counts; a day counts to its end' }),
    by: ByField.optional(),
  })
  .refine(({ at, by }) => at !== undefined || by === undefined, { path: ['by'], error: 'needs "at"' });
