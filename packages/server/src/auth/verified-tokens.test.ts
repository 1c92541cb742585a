import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { UserId } from '../users/user.js';
import { createVerifiedTokens } from './verified-tokens.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const principal = { kind: 'user', id: 'u' as UserId, sessionId: 's' } as const;
const inOneMinute = () => ({ principal, expiresAtMs: Date.now() + 60_000 });

it('remembers a token until it expires, to the millisecond', () => {
  const tokens = createVerifiedTokens(10);
  tokens.add('token', inOneMinute());
  vi.advanceTimersByTime(59_999);
  expect(tokens.get('token')).toBe(principal);
  vi.advanceTimersByTime(1);
  expect(tokens.get('token')).toBeUndefined();
});

it('forgets the oldest when it is full', () => {
  const tokens = createVerifiedTokens(2);
  for (const token of ['a', 'b', 'c']) tokens.add(token, inOneMinute());
  expect(['a', 'b', 'c'].map((token) => tokens.get(token))).toEqual([undefined, principal, principal]);
});
