import { z } from '@hono/zod-openapi';
import { canonicalEmail, EMAIL_LENGTH_MAX } from './email.js';

/** In any case, Unicode form or form of its domain: what comes out is the one that names a user. */
export const EmailField = z
  .string()
  .transform((text, context) => {
    const email = canonicalEmail(text);
    if (email === undefined) context.addIssue({ code: 'custom', message: 'must be an email address' });
    return email ?? z.NEVER;
  })
  .openapi({ type: 'string', format: 'idn-email', maxLength: EMAIL_LENGTH_MAX, example: 'alice@example.com' });
