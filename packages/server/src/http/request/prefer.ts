import { z } from '@hono/zod-openapi';

/** RFC 7240: preferences behind commas, each with parameters of its own; what is not known is passed over. */
export function prefersAsync(header: string | null): boolean {
  if (header === null) return false;
  return header.split(',').some((preference) => preference.split(';')[0]?.trim().toLowerCase() === 'respond-async');
}

export const PreferField = z.string().optional().openapi({
  description: '`respond-async`: store it, answer 202 and post it later (RFC 7240)',
  example: 'respond-async',
});
