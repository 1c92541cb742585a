import { z } from '@hono/zod-openapi';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../routes.js';
import { compileEvident } from './evident.js';

const BODIES = ROUTES.flatMap(({ endpoint }) => {
  const { operationId, body } = endpoint;
  return body === undefined ? [] : [{ operationId, schema: body.schema, example: body.example }];
});

/** What can stand in place of any part of a body. */
const ANYTHING = fc.oneof(
  fc.constantFrom(null, true, false, 0, -1, '', 'USD', '12', 'a@example.com', 'x'.repeat(2_000), '\0', 'ok\n', [], {}),
  fc.constantFrom('0199a1d2-4f70-7d02-9b1e-6a4f8c2d5e31', '2026-11-22T18:00:00Z', '\ud83d', [1], { a: '1' }),
);

/** Values near a body: parts of it replaced, left out, added or repeated. */
function near(value: unknown): fc.Arbitrary<unknown> {
  const changed = Array.isArray(value)
    ? fc.array(value.length === 0 ? ANYTHING : near(value[0]), { maxLength: 3 })
    : typeof value === 'object' && value !== null
      ? fc
          .tuple(
            fc.record(Object.fromEntries(Object.entries(value).map(([name, member]) => [name, near(member)])), {
              requiredKeys: [],
            }),
            fc.option(fc.tuple(fc.constantFrom('dryRun', 'metadata', 'unknown', 'toString'), ANYTHING), { freq: 5 }),
          )
          .map(([members, more]) => ({ ...members, ...(more === null ? {} : { [more[0]]: more[1] }) }))
      : ANYTHING;
  return fc.oneof({ weight: 12, arbitrary: fc.constant(value) }, { weight: 4, arbitrary: changed }, ANYTHING);
}

describe('what is evident', () => {
  it.each(BODIES)('$operationId: what is evident is what its schema accepts, and returns as it is', (body) => {
    const isEvident = compileEvident(body.schema);
    const values = fc.oneof(near(body.example), near({ ...(body.example as object), dryRun: true }));
    fc.assert(
      fc.property(values, (value) => {
        if (!isEvident(value)) return;
        expect(body.schema.safeParse(value)).toEqual({ success: true, data: value });
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['postTransfer', {}],
    ['postTransfer', { dryRun: true }],
    ['postTransfers', {}],
  ])('the example of %s without a description is evident, with %j', (operationId, more) => {
    const { schema, example } = BODIES.find((body) => body.operationId === operationId) as (typeof BODIES)[number];
    const plain = JSON.parse(JSON.stringify(example, (name, value) => (name === 'description' ? undefined : value)));
    expect(compileEvident(schema)({ ...plain, ...more })).toBe(true);
  });

  it.each<[string, z.ZodType, unknown]>([
    ['a default', z.strictObject({ a: z.string().default('x') }), {}],
    ['a transformation', z.string().transform(Number), '1'],
    ['a refinement', z.string().refine((text) => text === 'a'), 'a'],
    ['text that is trimmed', z.string().trim(), ' a '],
    ['text of a format', z.email(), 'a@example.com'],
    ['a pattern with a memory', z.string().regex(/a/g), 'a'],
    ['what is coerced', z.coerce.string(), 'a'],
    ['an object that drops what it does not know', z.object({ a: z.string() }), { a: 'a' }],
    ['an object with a rule', z.strictObject({ a: z.string() }).refine(() => true), { a: 'a' }],
    ['a number', z.number(), 1],
  ])('leaves %s to the schema', (_, schema, value) => {
    expect(compileEvident(schema)(value)).toBe(false);
  });

  it('takes no inherited member for one that was sent', () => {
    const isEvident = compileEvident(z.strictObject({ a: z.string() }));
    expect([
      isEvident({ a: 'x' }),
      isEvident({ a: 'x', toString: 'x' }),
      isEvident(Object.create({ a: 'x', b: 1 })),
    ]).toEqual([true, false, false]);
  });
});
