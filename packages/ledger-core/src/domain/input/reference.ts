import { type Check, valid } from './arguments.js';
import { isLongerThan } from './text.js';

export const REFERENCE_LENGTH_MAX = 255;
/** Half a surrogate pair cannot be stored, and a control character cannot be typed into a search. */
const PRINTABLE = /^[^\p{Cc}\p{Surrogate}]+$/u;

/** The caller's own name of a transfer, a hold or a transfer request. */
export const reference: Check<string> = valid(
  (value) => typeof value === 'string' && PRINTABLE.test(value) && !isLongerThan(value, REFERENCE_LENGTH_MAX),
  `must be a text of 1 to ${REFERENCE_LENGTH_MAX} characters without control characters`,
);
