import { z } from '@hono/zod-openapi';
import type { Database } from '../../database/connect.js';
import type { Endpoint } from '../../http/endpoint.js';
import { InstantField, PageQuery } from '../../http/fields.js';
import { cursorToPlace, pageOf, placeIn } from '../../http/page.js';
import { type LedgerServices, route } from '../../http/route.js';
import { AuditPageSchema, auditEntryJson, EXAMPLE_AUDIT_ENTRY } from '../audit-json.js';
import { readAuditLog } from '../audit-log.js';

interface AuditServices extends LedgerServices {
  readonly database: Database;
}

const PAGE_LIMIT = 50;

const filterField = (description: string, example: string) =>
  z
    .string()
    .regex(/^[a-zA-Z0-9_.:/+-]{1,200}$/, 'must be 1 to 200 letters, digits, "_", ".", ":", "/", "+" and "-"')
    .optional()
    .openapi({ description, example });

const AuditQuery = PageQuery.extend({
  principal: filterField('Only acts of this principal', 'operator:0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10'),
  operation: filterField('Only acts of this kind', 'freezeWallet'),
  subject: filterField('Only acts on this', '0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e31'),
  from: InstantField.optional().openapi({ description: 'Only acts from this time on' }),
  to: InstantField.optional().openapi({ description: 'Only acts before this time' }),
});

const listAuditLogEndpoint = {
  operationId: 'listAuditLog',
  method: 'get',
  path: '/v1/audit-log',
  tag: 'Operators',
  summary: 'List the acts of operators and support, the newest first',
  description:
    'Who did what, why, from where and when: each request of an API key or of support that may change something, what was done ' +
    'with `micropay`, and attempts that were refused with `forbidden`. Entries are never changed or deleted.',
  access: 'operator',
  scope: 'audit:read',
  query: AuditQuery,
  answer: {
    status: 200,
    description: 'A page of the audit log',
    content: { schema: AuditPageSchema, example: { data: [EXAMPLE_AUDIT_ENTRY], nextCursor: null } },
  },
  refusals: ['invalid_cursor'],
} as const satisfies Endpoint;

export const listAuditLogRoute = route(
  listAuditLogEndpoint,
  ({ database, ledger }: AuditServices) =>
    async ({ query: { limit = PAGE_LIMIT, cursor, ...filter } }) => {
      const after = cursor === undefined ? undefined : placeIn(ledger.name, cursor);
      const entries = await readAuditLog(database, ledger.name, { filter, after, limit: limit + 1 });
      const { data, nextCursor } = pageOf(entries, limit, ({ createdAt: at, id }) =>
        cursorToPlace(ledger.name, { at, id }),
      );
      return { body: { data: data.map(auditEntryJson), nextCursor } };
    },
);
