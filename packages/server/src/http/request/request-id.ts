import { randomBytes } from 'node:crypto';

const GIVEN_PATTERN = /^[\w.-]{1,64}$/;
const processPart = randomBytes(4).toString('hex');
let count = 0;

/** The caller's `X-Request-Id` when it is a plain one, else a name that is unique over all processes. */
export function requestId(given: string | string[] | undefined): string {
  if (typeof given === 'string' && GIVEN_PATTERN.test(given)) return given;
  count += 1;
  return `${processPart}-${count.toString(36)}`;
}
