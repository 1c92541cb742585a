import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, NextCursorField, TimeField } from '../http/fields.js';
import type { RoleGrant } from './role-store.js';

export const RoleField = z
  .literal('support')
  .openapi('Role', { description: '`support` reads all of the ledger, freezes and unfreezes, and moves no money' });

export const RoleGrantSchema = z
  .object({
    userId: IdField,
    role: RoleField,
    grantedBy: z
      .string()
      .openapi({ description: '`operator:` and the id of a key, or `cli:` and an account of the machine' }),
    grantedAt: TimeField,
  })
  .openapi('RoleGrant', { description: 'A role that a user has' });

export const RoleGrantPageSchema = z
  .object({ data: z.array(RoleGrantSchema), nextCursor: NextCursorField })
  .openapi('RoleGrantPage');

export const EXAMPLE_ROLE_GRANT: z.input<typeof RoleGrantSchema> = {
  userId: EXAMPLE_IDS.user,
  role: 'support',
  grantedBy: 'operator:0199a1d4-2d68-7c3a-94d8-3c8f1b5a7e06',
  grantedAt: EXAMPLE_TIME,
};

export function roleGrantJson(grant: RoleGrant): z.input<typeof RoleGrantSchema> {
  return { ...grant, grantedAt: grant.grantedAt.toISOString() };
}
