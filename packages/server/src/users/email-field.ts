import { z } from '@hono/zod-openapi';
import { canonicalEmail, EMAIL_LENGTH_MAX } from './email.js';

/** Accepts any letter case, Unicode form and form of the domain; the output is the canonical email of a user. */
export const EmailField = z
  .string()
  .transform((text, context) => {
    const email = canonicalEmail(text);
    if (email === undefined) context.addIssue({ code: 'custom', message: 'must be an email address' });
    return email ?? z.NEVER;
  })
  .openapi({ type: 'string', format: 'idn-email', maxLength: EMAIL_LENGTH_MAX, example: 'alice@example.com' });
