import { expect, it } from 'vitest';
import { isoTime } from './iso-time.js';

it('writes instants out, the same and others in turn', () => {
  const texts = ['2026-11-22T18:00:00.000Z', '2026-11-22T18:00:00.001Z', '0001-01-01T00:00:00.000Z'];
  for (const text of [...texts, ...texts.flatMap((one) => [one, one])]) expect(isoTime(new Date(text))).toBe(text);
});
