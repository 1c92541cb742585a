import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { UserId } from '../../identity/user-id.js';
import { createVerifiedTokens } from './verified-tokens.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const principal = { kind: 'user', id: 'u' as UserId, sessionId: 's' } as const;
const forOneMinute = { principal, lifetimeMs: 60_000 };

it('remembers a token until it expires, to the millisecond', () => {
  const tokens = createVerifiedTokens(10);
  tokens.add('token', forOneMinute);
  vi.advanceTimersByTime(59_999);
  expect(tokens.get('token')).toBe(principal);
  vi.advanceTimersByTime(1);
  expect(tokens.get('token')).toBe('expired');
});

it('forgets the oldest when it is full', () => {
  const tokens = createVerifiedTokens(2);
  for (const token of ['a', 'b', 'c']) tokens.add(token, forOneMinute);
  expect(['a', 'b', 'c'].map((token) => tokens.get(token))).toEqual([undefined, principal, principal]);
});

it.each([-3_600_000, 3_600_000])('counts the time that passes when the clock is set by %i ms', (stepMs) => {
  const tokens = createVerifiedTokens(10);
  tokens.add('token', forOneMinute);
  vi.setSystemTime(Date.now() + stepMs);
  expect(tokens.get('token')).toBe(principal);
  vi.advanceTimersByTime(60_000);
  vi.setSystemTime(Date.now() - 86_400_000);
  expect(tokens.get('token')).toBe('expired');
});
