import { expect, it } from 'vitest';
import { formatTable } from './format-table.js';

it('a table shows control characters escaped, so that no text forges a row', () => {
  const rows = [
    { who: 'alice', why: 'Ticket 1\n2026  operator  done' },
    { who: 'bob', why: '\u001b[2K\r\u009b1m\u2028\u202eevil\u2066\t' },
  ];
  expect(formatTable(rows)).toBe(
    [
      'who    why',
      `-----  ${'-'.repeat(51)}`,
      'alice  Ticket 1\\u000a2026  operator  done',
      'bob    \\u001b[2K\\u000d\\u009b1m\\u2028\\u202eevil\\u2066\\u0009',
    ].join('\n'),
  );
});
