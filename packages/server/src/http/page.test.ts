import { expect, it } from 'vitest';
import { cursorTo, cursorToPlace, keyIn, pageOf, placeIn } from './page.js';

const ID = '0199a1d2-4f6e-7c31-8a55-0b9d3c7e2f10';
const PLACE = { at: new Date(1_700_000_000_123), id: ID };
const refused = expect.objectContaining({ code: 'invalid_cursor' });

it('a page shows its limit, and goes on only if there is more', () => {
  const cursor = (last: number) => `after ${last}`;
  expect(pageOf([1, 2, 3], 2, cursor)).toEqual({ data: [1, 2], nextCursor: 'after 2' });
  expect(pageOf([1, 2], 2, cursor)).toEqual({ data: [1, 2], nextCursor: null });
  expect(pageOf([], 2, cursor)).toEqual({ data: [], nextCursor: null });
});

it('a cursor says where its own list goes on', () => {
  expect(keyIn('main', cursorTo('main', ID))).toBe(ID);
  expect(placeIn(`main:${ID}`, cursorToPlace(`main:${ID}`, PLACE))).toEqual(PLACE);
});

it.each([
  ['another list', () => keyIn('main', cursorTo('other', ID))],
  ['a list whose name goes on', () => keyIn('main', cursorTo(`main:${ID}`, ID))],
  ['a list by time', () => keyIn('main', cursorToPlace('main', PLACE))],
  ['a list by id', () => placeIn('main', cursorTo('main', ID))],
  ['a place with more behind it', () => placeIn('main', cursorTo('main', `1:${ID}:x`))],
  ['nonsense', () => placeIn('main', '%%%')],
])('a cursor of %s is refused', (_name, read) => {
  expect(read).toThrow(refused);
});
