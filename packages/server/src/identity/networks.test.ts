import { expect, it } from 'vitest';
import { isWithin, networksOf } from './networks.js';

it.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/8', '::ffff:10.1.2.3', true],
  ['192.0.2.7/32', '192.0.2.7', true],
  ['192.0.2.7/32', '192.0.2.8', false],
  ['2001:db8::/32', '2001:db8:1::1', true],
  ['2001:db8::/32', '2001:db9::1', false],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '', false],
  ['0.0.0.0/0', 'unknown', false],
])('the network %s has the address "%s": %s', (block, address, expected) => {
  expect(isWithin(networksOf([block]), address)).toBe(expected);
});
