import { z } from '@hono/zod-openapi';
import { ERROR_CODES, ERRORS, type ErrorCode } from './error-codes.js';

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** One field of the request and what is wrong with it. */
export interface FieldError {
  /** Path of the field, such as `transfers.3.amount`. */
  readonly path: string;
  readonly message: string;
}

/** A refusal to be sent to the caller; `headers` are added to the response. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly headers: Readonly<Record<string, string>> | undefined;

  constructor(
    code: ErrorCode,
    detail: string,
    options: {
      readonly errors?: readonly FieldError[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.errors = options.errors;
    this.headers = options.headers;
  }
}

export const ProblemSchema = z
  .object({
    type: z.string().openapi({ description: '`urn:micropay:problem:` and the code' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().openapi({ description: 'What went wrong, or what to do; for people. The wording may change' }),
    code: z.enum(ERROR_CODES).openapi('ErrorCode', { description: 'For programs: codes are added, never renamed' }),
    instance: z.string().optional().openapi({ description: 'The request this problem belongs to' }),
    errors: z
      .array(z.object({ path: z.string(), message: z.string() }))
      .optional()
      .openapi({ description: 'The invalid fields, or the linked transfer that was refused' }),
    details: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]))
      .optional()
      .openapi({
        description:
          'If the refusal depends on the state of one of your accounts: its `address` and, depending on the code, ' +
          '`available` and `needed`, or `maximum` and `room`, in minor units. Operators see the details of every account.',
      }),
  })
  .openapi('Problem', { description: 'RFC 9457 problem details with a stable code' });

export type Problem = z.input<typeof ProblemSchema>;

/** Texts may quote the request, and long quotes are of no use to anybody. */
const TEXT_LENGTH_MAX = 240;

export function problem(code: ErrorCode, detail: string, errors?: readonly FieldError[]): Problem {
  const { status, title } = ERRORS[code];
  const body = { type: `urn:micropay:problem:${code}`, title, status, detail: brief(detail), code };
  if (errors === undefined) return body;
  return { ...body, errors: errors.map(({ path, message }) => ({ path: brief(path), message: brief(message) })) };
}

/** Cuts a text, and replaces lone surrogates, which some JSON readers refuse. */
function brief(text: string): string {
  const shown = text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX - 1)}…`;
  return shown.replaceAll(/\p{Surrogate}/gu, '\ufffd');
}
