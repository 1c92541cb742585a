import { z } from '@hono/zod-openapi';
import { EXAMPLE_IDS, EXAMPLE_TIME, IdField, TimeField } from '../http/fields.js';
import { shownEmail } from './email.js';
import type { User } from './user.js';

export const UserSchema = z
  .object({
    id: IdField,
    email: z.string().nullable().openapi({ description: 'Null for a user of another issuer who has none here' }),
    displayName: z.string().nullable(),
    emailVerifiedAt: TimeField.nullable().openapi({
      description: 'Null until the link that was sent to the email has been opened',
    }),
    createdAt: TimeField,
  })
  .openapi('User');

export const EXAMPLE_USER: z.input<typeof UserSchema> = {
  id: EXAMPLE_IDS.user,
  email: 'alice@example.com',
  displayName: 'Alice',
  emailVerifiedAt: EXAMPLE_TIME,
  createdAt: EXAMPLE_TIME,
};

export function userJson(user: User): z.input<typeof UserSchema> {
  return {
    id: user.id,
    email: user.email === null ? null : shownEmail(user.email),
    displayName: user.displayName,
    emailVerifiedAt: user.emailVerifiedAt?.toISOString() ?? null,
    createdAt: user.createdAt.toISOString(),
  };
}
