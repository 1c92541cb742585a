import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, NextCursorField, TimeField } from '../http/fields.js';
import type { AuditEntry } from './audit-log.js';

export const AuditEntrySchema = z
  .object({
    id: IdField,
    createdAt: TimeField,
    principal: z.string().openapi({
      description:
        '`operator:` and the id of an API key, `user:` and an id, `cli:` and an account of the machine, or `server`',
    }),
    operation: z.string().openapi({ description: 'The `operationId` of the route' }),
    subject: z.string().nullable().openapi({
      description: 'What it was done to: an id, an address or a name; null for requests about many',
    }),
    reason: z.string().nullable(),
    clientAddress: z.string().nullable(),
    requestId: z.string().nullable().openapi({ description: 'The `X-Request-Id` of the response' }),
    outcome: z.enum(['begun', 'done', 'refused', 'failed']).openapi({
      description:
        '`refused`: nothing was changed. `failed`: `code` says what is known. `begun`: it is under way, or the server ended ' +
        'before it could say; the act may have happened',
    }),
    code: z.string().nullable().openapi({ description: 'The code of the problem, if it was refused or failed' }),
    result: z.string().nullable().openapi({ description: 'The id of what it made, such as a transfer' }),
  })
  .openapi('AuditEntry', { description: 'An act of an operator or of support. It is never changed or deleted' });

export const AuditPageSchema = z
  .object({ data: z.array(AuditEntrySchema), nextCursor: NextCursorField })
  .openapi('AuditPage');

export const EXAMPLE_AUDIT_ENTRY: z.input<typeof AuditEntrySchema> = {
  id: '0199a1d4-2d68-7c3a-94d8-3c8f1b5a7e06',
  createdAt: EXAMPLE_TIME,
  principal: `operator:${EXAMPLE_IDS.user}`,
  operation: 'freezeWallet',
  subject: EXAMPLE_IDS.wallet,
  reason: 'Ticket 1042',
  clientAddress: '192.0.2.7',
  requestId: '9ecf4a3c-7',
  outcome: 'done',
  code: null,
  result: null,
};

export function auditEntryJson(entry: AuditEntry): z.input<typeof AuditEntrySchema> {
  return { ...entry, createdAt: entry.createdAt.toISOString() };
}
