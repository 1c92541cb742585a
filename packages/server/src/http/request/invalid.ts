import type { z } from '@hono/zod-openapi';
import type { ErrorCode } from '../../errors/error-codes.js';
import { issueSentence } from '../../errors/issue-sentence.js';
import { type FieldError, ProblemError } from '../../errors/problem.js';

/** A batch can be wrong in a thousand places; the first few say enough. */
const ERRORS_SHOWN_MAX = 20;

/** Fields whose errors have a code of their own, when nothing else is wrong. */
const CODES_BY_FIELD: Readonly<Record<string, ErrorCode>> = {
  address: 'invalid_address',
  amount: 'invalid_amount',
  currency: 'unknown_currency',
  cursor: 'invalid_cursor',
  idempotencyKey: 'invalid_request',
  path: 'invalid_address',
};

/** Reads a value as its schema says, or refuses it and names the fields that are wrong. */
export function parse<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value, { error: issueSentence });
  if (result.success) return result.data;
  throw invalid(result.error.issues);
}

function invalid(issues: readonly z.core.$ZodIssue[]): ProblemError {
  const codes = new Set(issues.map(({ path }) => CODES_BY_FIELD[String(path.at(-1))] ?? 'invalid_request'));
  const [code = 'invalid_request'] = codes.size === 1 ? codes : [];
  const errors = issues.slice(0, ERRORS_SHOWN_MAX).map(fieldError);
  const first = errors[0];
  const detail = first === undefined || first.path === '' ? (first?.message ?? '') : `${first.path}: ${first.message}`;
  return new ProblemError(code, detail, { errors });
}

function fieldError({ path, message }: z.core.$ZodIssue): FieldError {
  return { path: path.join('.'), message };
}
