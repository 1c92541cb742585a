import { describe, expect, it } from 'vitest';
import { keyDigest, requestDigest } from './idempotency.js';
import {
  checkTransferRequest,
  isTransferRequestId,
  type SubmitTransferRequest,
  storedRefusal,
  type TransferRequestId,
} from './transfer-request.js';

const ID = '0190b7c4-0000-7000-8000-000000000001' as TransferRequestId;
const MOVEMENT = { from: 'world:usd', to: 'users:1', amount: 5n, currency: 'USD' };
const request: SubmitTransferRequest = { ...MOVEMENT, idempotencyKey: 'k' };

describe('checkTransferRequest', () => {
  it('checkTransferRequest keeps the movement apart from key, scope and requester', () => {
    const texts = { description: 'Rent', metadata: { a: 1 }, effectiveAt: new Date('2026-01-01T00:00:00Z') };
    expect(checkTransferRequest({ ...request, ...texts, scope: 's', requestedBy: 'operator:7' })).toStrictEqual({
      leg: { ...MOVEMENT, ...texts },
      keyDigest: keyDigest({ idempotencyKey: 'k', scope: 's' }),
      requestDigest: requestDigest([{ ...MOVEMENT, ...texts }], false),
      requestedBy: 'operator:7',
      traceparent: undefined,
    });
  });

  it('checkTransferRequest has no requester where none is named, and the empty scope', () => {
    const checked = checkTransferRequest(request);
    expect(checked.requestedBy).toBeNull();
    expect(checked.keyDigest).toBe(keyDigest({ idempotencyKey: 'k' }));
  });

  it('checkTransferRequest gives a request the digest of the transfer that is posted at once', () => {
    const one = checkTransferRequest({ ...request, requestedBy: 'operator:7' });
    expect(one.requestDigest).toBe(requestDigest([MOVEMENT], false));
    expect(one.requestDigest).not.toBe(requestDigest([MOVEMENT], true));
  });

  it.each(['a', 'x'.repeat(255), 'Zoë 🙂'])('checkTransferRequest accepts the requester %s', (requestedBy) => {
    expect(checkTransferRequest({ ...request, requestedBy }).requestedBy).toBe(requestedBy);
  });

  it.each<[string, object, string, string]>([
    ['no key', { idempotencyKey: undefined }, 'invalid_request', 'idempotencyKey'],
    ['an empty requester', { requestedBy: '' }, 'invalid_request', 'requestedBy'],
    ['a requester of 256 characters', { requestedBy: 'x'.repeat(256) }, 'invalid_request', 'requestedBy'],
    ['a requester that is no text', { requestedBy: ['a'] }, 'invalid_request', 'requestedBy'],
    ['a requester that ends with a line feed', { requestedBy: 'a\n' }, 'invalid_request', 'requestedBy'],
    ['a requester that begins with a line feed', { requestedBy: '\na' }, 'invalid_request', 'requestedBy'],
    ['a requester with half a surrogate pair', { requestedBy: 'a\ud83d' }, 'invalid_request', 'requestedBy'],
    ['a dry run', { dryRun: true }, 'invalid_request', 'request'],
    ['an id', { id: ID }, 'invalid_request', 'request'],
    ['nothing to move', { amount: 0n }, 'invalid_amount', 'amount'],
  ])('checkTransferRequest refuses %s', (_case, part, code, field) => {
    const given = { ...request, ...part } as SubmitTransferRequest;
    expect(() => checkTransferRequest(given)).toThrow(expect.objectContaining({ code, details: { field } }));
  });

  it('checkTransferRequest refuses a malformed currency', () => {
    expect(() => checkTransferRequest({ ...request, currency: 'usd' })).toThrow(
      expect.objectContaining({ code: 'unknown_currency' }),
    );
  });
});

it('a stored refusal says again what it said, and of which request', () => {
  const refusal = { code: 'insufficient_funds', message: 'not enough', details: { needed: '5' } };
  expect(storedRefusal(refusal, ID)).toMatchObject({ ...refusal, details: { needed: '5', transferRequestId: ID } });
});

it.each([
  [ID, true],
  [ID.toUpperCase(), false],
  ['request-1', false],
  [undefined, false],
])('%s is the id of a transfer request: %s', (text, expected) => {
  expect(isTransferRequestId(text)).toBe(expected);
});
