import { expect, it } from 'vitest';
import { preparePassword } from './prepare-password.js';

it.each([
  ['NFC and NFD', 'pa\u0301ssw\u00f6rd', 'p\u00e1sswo\u0308rd'],
  ['spaces of any kind', 'correct\u00a0horse\u3000battery', 'correct horse battery'],
])('a prepared password is the same with %s', (_name, one, other) => {
  expect(preparePassword(one)).toBe(preparePassword(other));
});

it.each([
  ['case', 'Battery Staple', 'battery staple'],
  ['width', 'ｂattery staple', 'battery staple'],
  ['a space at the end', 'battery staple ', 'battery staple'],
  ['a joiner in an emoji', '👨\u200d👩 staple', '👨👩 staple'],
])('a prepared password differs with another %s', (_name, one, other) => {
  expect(preparePassword(one)).not.toBe(preparePassword(other));
});

it.each(['battery\u0000staple', 'battery\nstaple', 'battery\u0085staple', 'battery \ud800', '\udc00 staple'])(
  'preparePassword refuses %j',
  (text) => {
    expect(preparePassword(text)).toBeUndefined();
  },
);
