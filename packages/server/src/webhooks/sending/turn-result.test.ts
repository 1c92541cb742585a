import { expect, it } from 'vitest';
import type { ClaimedEndpoint } from './queue/delivery-queue.js';
import { turnResult } from './turn-result.js';
import { WEBHOOK_LIMITS } from './webhook-limits.js';

const ENDPOINT: ClaimedEndpoint = {
  id: 'e',
  claim: 'c',
  url: 'https://example.com',
  secrets: [],
  failures: 0,
  deliveries: [],
  hasMore: false,
  claimedAtS: 0,
};

const DELIVERY = {
  messageId: 'm',
  attempts: 0,
  body: '{}',
  traceparent: null,
  accounts: [],
  position: '1',
  place: 0,
  isDue: true,
};

it.each<[status: number, askedS: number, pauseS: number, delayS: number]>([
  [429, 60, 60, 60],
  [503, 3_600, 3_600, 3_600],
  [503, 86_400, 3_600, 86_400],
  [500, 86_400, 0, 86_400],
])('a receiver that answers %i and asks for %i s is left alone for %i s, and the delivery for %i s', (...row) => {
  const [status, retryAfterS, pauseS, delayS] = row;
  const attempt = { status, error: 'bad_status' as const, durationMs: 1, retryAfterS };
  const result = turnResult(
    { endpoint: ENDPOINT, sent: [{ delivery: DELIVERY, attempt }], wasCut: false, fullFrom: 8 },
    WEBHOOK_LIMITS,
  );
  expect([result.pauseS, result.results[0]?.delayS]).toEqual([pauseS, delayS]);
});

it.each([true, false])('a turn that sent nothing has left something that is due if it was cut: %s', (wasCut) => {
  const result = turnResult({ endpoint: ENDPOINT, sent: [], wasCut, fullFrom: 8 }, WEBHOOK_LIMITS);
  expect(result.hasMore).toBe(wasCut);
});
