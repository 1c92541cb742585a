import { z } from '@hono/zod-openapi';

const TOKEN_LENGTH_MAX = 200;

export const LinkTokenField = z
  .string()
  .min(1)
  .max(TOKEN_LENGTH_MAX)
  .openapi({ description: 'What follows `#token=` in the link' });

export const EXAMPLE_LINK_TOKEN = 'mpl_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

/** Body of the routes that a link completes. */
export const LinkTokenSchema = z.strictObject({ token: LinkTokenField }).openapi('LinkToken');
