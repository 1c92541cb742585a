import { z } from '@hono/zod-openapi';
import { ReasonField } from '../http/fields.js';

export const FreezeSchema = z
  .strictObject({
    side: z
      .enum(['debits', 'credits', 'both'])
      .optional()
      .openapi({ description: 'What is to be refused; both when left out' }),
    reason: ReasonField.optional(),
  })
  .openapi('Freeze');

/** Of a change that needs no more to be said than why. */
export const WhySchema = z.strictObject({ reason: ReasonField.optional() }).openapi('Why');
