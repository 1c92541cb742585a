import { z } from '@hono/zod-openapi';
import { LedgerError } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { toProblem } from '../to-problem.js';
import { parse } from './invalid.js';

const Schema = z.strictObject({ list: z.array(z.strictObject({ amount: z.string() })) });

function refusalOf(value: unknown) {
  try {
    parse(Schema, value);
  } catch (error) {
    return toProblem(error, undefined).problem;
  }
  return undefined;
}

describe('what is wrong is told briefly', () => {
  it('the errors of a body are few with ninety thousand unknown fields', () => {
    const fields = Object.fromEntries(Array.from({ length: 90_000 }, (_, index) => [`field ${index}`, 1]));
    const startedAt = process.cpuUsage();
    expect(refusalOf({ list: [{ amount: '1', ...fields }] })).toMatchObject({
      code: 'invalid_request',
      errors: [{ path: 'list.0', message: 'has unknown fields: "field 0", "field 1", "field 2" and 89997 more' }],
    });
    const { user, system } = process.cpuUsage(startedAt);
    expect((user + system) / 1_000).toBeLessThan(600);
  });

  it('the errors of a body are short with a field whose name is very long, or is cut within a character', () => {
    const problem = refusalOf({ list: [], [`${'x'.repeat(39)}🦊${'y'.repeat(100_000)}`]: 1 });
    expect(problem?.detail).toBe(`has unknown fields: "${'x'.repeat(39)}\\ud83e"`);
  });

  it('the errors of a body are few with a thousand faults', () => {
    const problem = refusalOf({ list: Array.from({ length: 1_000 }, () => ({ amount: 1 })) });
    expect(problem?.errors).toHaveLength(20);
  });
});

it('the errors of a body cut a long text at a whole character', () => {
  const { problem } = toProblem(
    new LedgerError('invalid_request', `${'x'.repeat(238)}🦊${'y'.repeat(1_000_000)}`),
    undefined,
  );
  expect(problem.detail).toBe(`${'x'.repeat(238)}\ufffd…`);
});
