import { z } from '@hono/zod-openapi';

/** RFC 7240: preferences are separated by commas and may have parameters; unknown ones are ignored. */
export function prefersAsync(header: string | undefined): boolean {
  if (header === undefined) return false;
  return header.split(',').some((preference) => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async');
}

export const PreferField = z.string().optional().openapi({
  description: '`respond-async` (RFC 7240): store the transfer, respond with 202 and post it later',
  example: 'respond-async',
});
