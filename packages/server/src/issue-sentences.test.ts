import type { z } from '@hono/zod-openapi';
import { describe, expect, it } from 'vitest';
import { VALIDATOR_WORDS } from '../test/support/validator-words.js';
import { type FieldError, ProblemError } from './errors/problem.js';
import { parse } from './http/request/invalid.js';
import { ROUTES } from './routes.js';

const WRONG: readonly unknown[] = [
  undefined,
  null,
  true,
  -1,
  0.5,
  1e21,
  '',
  ' ',
  'x',
  '\u0000',
  'x'.repeat(10_000),
  [],
  {},
];

/** A value with one member, at any depth, replaced, taken away or added. */
function* spoilt(value: unknown): Generator<unknown> {
  yield* WRONG;
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) for (const wrong of spoilt(item)) yield value.with(index, wrong);
    yield Array.from({ length: 2_000 }, () => value[0]);
  } else if (typeof value === 'object' && value !== null) {
    yield { ...value, unknown: 1 };
    for (const [name, member] of Object.entries(value))
      for (const wrong of spoilt(member)) yield { ...value, [name]: wrong };
  }
}

function spoiltParts({ endpoint }: (typeof ROUTES)[number]): readonly (readonly [z.ZodType, unknown])[] {
  const { params, query, headers, body } = endpoint;
  const objects = [params, query, headers].filter((schema) => schema !== undefined);
  return [
    ...objects.map(
      (schema) => [schema, Object.fromEntries(Object.keys(schema.shape).map((name) => [name, 'x']))] as const,
    ),
    ...(body === undefined ? [] : [[body.schema, body.example] as const]),
  ];
}

describe.each(ROUTES)('$endpoint.operationId', (route) => {
  it('says in its own words what is wrong, whatever it is', () => {
    for (const [schema, example] of spoiltParts(route)) {
      for (const wrong of spoilt(example)) {
        for (const { path, message } of errorsOf(schema, wrong)) {
          expect(message, path).toMatch(/^(?:is|must|has|needs|takes|may|only) /);
          expect(message, path).not.toMatch(VALIDATOR_WORDS);
          expect(message, path).not.toBe('is not written as it must be');
        }
      }
    }
  });
});

function errorsOf(schema: z.ZodType, value: unknown): readonly FieldError[] {
  try {
    parse(schema, value);
    return [];
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return error.errors ?? [];
  }
}
