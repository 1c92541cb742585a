import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newTotpSecret, shownTotp, totpStepOf } from './totp.js';

/** Of RFC 6238, appendix B: the last six of its eight digits. */
const SECRET = Buffer.from('12345678901234567890');
const VECTORS = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const;

describe('a TOTP code', () => {
  it.each(VECTORS)('a TOTP code at %d is that of RFC 6238', (timeS, code) => {
    expect(totpStepOf(SECRET, code, timeS)).toBe(Math.floor(timeS / 30));
  });

  it('a TOTP code is right one step before and after its own, and no further', () => {
    const stepAt = (timeS: number) => totpStepOf(SECRET, '287082', timeS);
    expect([stepAt(0), stepAt(29.9), stepAt(30), stepAt(89.9), stepAt(90), stepAt(120)]).toEqual([
      1,
      1,
      1,
      1,
      undefined,
      undefined,
    ]);
  });

  it.each(['', '28708', '2870821', '287083', 'abcdef', '２８７０８２'])('a TOTP code is not %j', (code) => {
    expect(totpStepOf(SECRET, code, 59)).toBeUndefined();
  });

  it('a TOTP code of one secret is wrong for another, but by chance', () => {
    const times = fc.sample(fc.nat({ max: 2 ** 31 - 1 }), 200);
    const right = times.filter((timeS) => totpStepOf(newTotpSecret(), '287082', timeS) !== undefined);
    // Each is right with a chance of three in a million.
    expect(right.length).toBeLessThan(3);
  });
});

it('a TOTP secret has 160 bits, and is shown as text and as the address of a QR code', () => {
  const secret = newTotpSecret();
  expect([secret.length, newTotpSecret().equals(secret)]).toEqual([20, false]);
  const shown = shownTotp(SECRET, { issuer: 'Example Pay', label: 'alice@example.com' });
  expect(shown.secret).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  const uri = new URL(shown.uri);
  expect([uri.protocol, uri.host, decodeURIComponent(uri.pathname)]).toEqual([
    'otpauth:',
    'totp',
    '/Example Pay:alice@example.com',
  ]);
  expect(Object.fromEntries(uri.searchParams)).toEqual({
    issuer: 'Example Pay',
    secret: shown.secret,
    algorithm: 'SHA1',
    digits: '6',
    period: '30',
  });
});
