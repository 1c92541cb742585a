import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatMark, isSeen, parseMark, readAfter, wholeRow } from './stream-mark.js';

const anyMark = fc.record({
  position: fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }),
  index: fc.oneof(fc.integer({ min: 0, max: 999 }), fc.constant(Number.POSITIVE_INFINITY)),
});

it('a stream mark is read as it was written', () => {
  fc.assert(
    fc.property(anyMark, (mark) => {
      expect(parseMark(formatMark(mark))).toEqual({ position: mark.position, index: mark.index });
    }),
  );
});

it.each(['', '-1', '1.', '.1', '1.2.3', 'x', '1e3', '9'.repeat(19), '1.9999', ' 1'])('refuses %j', (text) => {
  expect(parseMark(text)).toBeUndefined();
});

it('goes on in the midst of a row exactly behind the event that was seen', () => {
  const mark = { position: 7n, index: 1 };
  expect(readAfter(mark)).toBe(6n);
  const row = [0, 1, 2].map((index) => isSeen(mark, { position: 7n, index }));
  expect(row).toEqual([true, true, false]);
  expect([isSeen(mark, { position: 6n, index: 2 }), isSeen(mark, { position: 8n, index: 0 })]).toEqual([true, false]);
  expect([readAfter(wholeRow(7n)), isSeen(wholeRow(7n), { position: 7n, index: 2 })]).toEqual([7n, true]);
});
