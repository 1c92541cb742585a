import { expect, it } from 'vitest';
import { isReversible } from './reversal.js';
import { TRANSFER_KINDS } from './transfer.js';

it('only transfers and captures are reversible, as they alone move posted money and reverse nothing', () => {
  expect(TRANSFER_KINDS.filter((kind) => isReversible({ kind }))).toEqual(['transfer', 'capture']);
});

const thrown = new Error('a getter of the caller');
const unreadable = {
  get kind(): never {
    throw thrown;
  },
};

it.each([undefined, null, 'transfer', {}, { kind: 'payment' }, unreadable])(
  'isReversible refuses case %#, which has no kind of transfer',
  (given) => {
    expect(() => isReversible(given as never)).toThrow(
      expect.objectContaining({ code: 'invalid_request', details: { field: 'transfer.kind' } }),
    );
  },
);
