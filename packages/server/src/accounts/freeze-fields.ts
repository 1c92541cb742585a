import { z } from '@hono/zod-openapi';
import { ReasonField } from '../http/fields.js';

export const FreezeSchema = z
  .strictObject({
    side: z
      .enum(['debits', 'credits', 'both'])
      .optional()
      .openapi({ description: 'The side to refuse; default: both' }),
    reason: ReasonField.optional(),
  })
  .openapi('Freeze');

/** Body of a change that takes nothing but a reason. */
export const ChangeReasonSchema = z.strictObject({ reason: ReasonField.optional() }).openapi('ChangeReason');
