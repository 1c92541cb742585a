import { expect, it } from 'vitest';
import { createLoginAttempts } from './login-attempts.js';

it.each([
  ['one address', (_count: number) => '192.0.2.1'],
  ['one network of IPv6', (count: number) => `2001:db8::${count.toString(16)}:1`],
])('limits fresh emails from %s', (_name, address) => {
  const attempts = createLoginAttempts();
  for (let count = 0; count < 100; count += 1) attempts.take(address(count), `person-${count}@example.com`);
  expect(() => attempts.take(address(100), 'another@example.com')).toThrow('wait 1 seconds');
  expect(attempts.take('198.51.100.1', 'another@example.com').ratelimit).toBe('"login";r=9;t=0');
  expect(attempts.take('2001:db8:0:1::1', 'another@example.com').ratelimit).toBe('"login";r=9;t=0');
});

it('counts the addresses of one network of IPv6 as one for an email', () => {
  const attempts = createLoginAttempts();
  for (let count = 0; count < 10; count += 1) attempts.take(`2001:db8::${count}`, 'alice@example.com');
  expect(() => attempts.take('2001:db8::ffff', 'alice@example.com')).toThrow('wait');
});
