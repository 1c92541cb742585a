import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { LEDGER_ERROR_CODES, LedgerError } from './errors.js';

it('has every code in the error reference, in order of precedence, with whether to retry', () => {
  const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` \|.*\| (yes|no) \|$/gm)];
  expect(rows.map(([, code, retry]) => [code, retry])).toEqual(
    LEDGER_ERROR_CODES.map((code) => [code, new LedgerError(code, '').retryable ? 'yes' : 'no']),
  );
});
