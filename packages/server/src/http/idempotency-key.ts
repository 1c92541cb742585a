import { z } from '@hono/zod-openapi';
import { ProblemError } from '../errors/problem.js';
import { IdempotencyKeyField, KEY_PATTERN } from './fields.js';
import { parse } from './request/invalid.js';

export const REPLAYED_HEADERS: Readonly<Record<string, string>> = { 'idempotent-replayed': 'true' };

/** So that a refusal names the header. */
const HeadersSchema = z.object({ 'Idempotency-Key': IdempotencyKeyField });

/** The caller's name for this intention, from the header `Idempotency-Key`. */
export function readIdempotencyKey(header: string | undefined, need: 'required' | 'optional'): string | undefined {
  // Every payment has one, and nearly all are valid: only the others need a sentence.
  if (header !== undefined && KEY_PATTERN.test(header)) return header;
  if (header !== undefined) return parse(HeadersSchema, { 'Idempotency-Key': header })['Idempotency-Key'];
  if (need === 'optional') return undefined;
  throw keyRequired('send the header "Idempotency-Key": your own name for this payment, the same on every retry');
}

export function keyRequired(detail: string): ProblemError {
  return new ProblemError('idempotency_key_required', detail);
}
