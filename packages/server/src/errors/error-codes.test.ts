import { readFileSync } from 'node:fs';
import { LEDGER_ERROR_CODES, LedgerError } from '@micropay/ledger-core';
import { describe, expect, it } from 'vitest';
import { toProblem } from '../http/to-problem.js';
import { ERROR_CODES, ERRORS } from './error-codes.js';

describe.each(ERROR_CODES)('%s', (code) => {
  it('has a status of a refusal or a fault, and a title', () => {
    expect(ERRORS[code].status).toBeGreaterThanOrEqual(400);
    expect(ERRORS[code].status).toBeLessThan(600);
    expect(ERRORS[code].title).toMatch(/^[A-Z]/);
  });
});

const OPERATOR = { kind: 'operator', id: 'o', scopes: new Set<never>(), networks: undefined, expires: false } as const;

/** Codes whose response must not reveal whether the object is missing or somebody else's. */
const MAYBE_OTHERS: readonly string[] = ['transfer_not_found', 'hold_not_found', 'transfer_request_not_found'];

describe.each(LEDGER_ERROR_CODES)('%s of the ledger', (code) => {
  it('becomes a problem with its code, and asks for a retry exactly when a retry may help', () => {
    const error = new LedgerError(code, 'what happened');
    const { problem, headers } = toProblem(error, OPERATOR);
    const detail = MAYBE_OTHERS.includes(code) ? expect.stringMatching(/, or it is not yours$/) : 'what happened';
    expect(problem).toMatchObject({ code, detail, status: ERRORS[code].status });
    if (error.retryable) expect(problem.status).toBe(503);
    expect(headers?.['retry-after']).toBe(problem.status === 503 ? '1' : undefined);
  });
});

describe('the reference', () => {
  const page = readFileSync(new URL('../../../../docs/reference/http-errors.md', import.meta.url), 'utf8');

  it('the reference lists every code with its status, in order', () => {
    const rows = ERROR_CODES.map((code) => `| \`${code}\` | ${ERRORS[code].status} | ${ERRORS[code].title} |`);
    expect(page).toContain(`| --- | --- | --- |\n${rows.join('\n')}\n`);
  });

  it('the reference explains every code of the server', () => {
    const ledgerCodes = new Set<string>(LEDGER_ERROR_CODES);
    const own = ERROR_CODES.filter((code) => !ledgerCodes.has(code));
    expect([...page.matchAll(/^\| `(\w+)` \| (?!\d)/gm)].map(([, code]) => code)).toEqual(own);
  });
});

describe('an error that nobody expected', () => {
  it.each([new Error('secret detail'), new TypeError('x is undefined'), 'text', undefined])(
    'an error that nobody expected says nothing of itself: %s',
    (error) => {
      const { problem } = toProblem(error, undefined);
      expect(problem).toMatchObject({ status: 500, code: 'internal_error' });
      expect(JSON.stringify(problem)).not.toMatch(/secret|undefined/);
    },
  );
});

describe('an error of the database', () => {
  const sqlError = (code: string) => Object.assign(new Error('x'), { code, severity: 'ERROR' });

  it.each([
    ['a lost connection', new Error('Connection terminated unexpectedly'), 'database_unavailable'],
    [
      'a refused connection',
      Object.assign(new Error('x'), { code: 'ECONNREFUSED', syscall: 'connect' }),
      'database_unavailable',
    ],
    ['several refused addresses', new AggregateError([new Error('x')]), 'database_unavailable'],
    ['a shutdown', sqlError('57P01'), 'database_unavailable'],
    ['too many connections', sqlError('53300'), 'database_unavailable'],
    ['a deadlock', sqlError('40P01'), 'transaction_conflict'],
    ['a broken statement', sqlError('42601'), 'internal_error'],
  ])('%s', (_name, error, code) => {
    expect(toProblem(error, undefined).problem.code).toBe(code);
  });
});
