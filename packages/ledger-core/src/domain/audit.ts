import { LedgerError } from '../errors.js';

/** Who changed something and why, for the event of the change. No personal data: an id says who. */
export interface Audit {
  /** 1 to 255 characters: `operator:7`. */
  readonly by?: string;
  /** 1 to 255 characters. */
  readonly reason?: string;
}

const TEXT_LENGTH_MAX = 255;

/** @throws {LedgerError} `invalid_request` */
export function checkAudit(given: Audit): Audit {
  if (typeof given !== 'object' || given === null) {
    throw new LedgerError('invalid_request', 'who and why are given as { by, reason }');
  }
  const audit: { by?: string; reason?: string } = {};
  for (const field of ['by', 'reason'] as const) {
    const text = given[field];
    if (text === undefined) continue;
    if (
      typeof text !== 'string' ||
      text.length === 0 ||
      text.length > TEXT_LENGTH_MAX ||
      /[\0\p{Surrogate}]/u.test(text)
    ) {
      throw new LedgerError('invalid_request', `${field} must be a text of 1 to ${TEXT_LENGTH_MAX} characters`);
    }
    audit[field] = text;
  }
  return audit;
}
