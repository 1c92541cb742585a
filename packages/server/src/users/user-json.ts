import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, TimeField } from '../http/fields.js';
import { shownEmail } from './email.js';
import type { User } from './user.js';

export const UserSchema = z
  .object({
    id: IdField,
    email: z.string(),
    displayName: z.string().nullable(),
    createdAt: TimeField,
  })
  .openapi('User');

export const EXAMPLE_USER: z.input<typeof UserSchema> = {
  id: EXAMPLE_IDS.user,
  email: 'alice@example.com',
  displayName: 'Alice',
  createdAt: EXAMPLE_TIME,
};

export function userJson(user: User): z.input<typeof UserSchema> {
  return {
    id: user.id,
    email: shownEmail(user.email),
    displayName: user.displayName,
    createdAt: user.createdAt.toISOString(),
  };
}
