import { ProblemError } from './problem.js';

export const REALM = 'Bearer realm="micropay"';

/** Of a token whose user closed the account. */
export function userGone(): ProblemError {
  return tokenRefused('token_invalid', 'the user of this token no longer exists');
}

/** A bearer token that was sent and does not count (RFC 6750). */
export function tokenRefused(code: 'token_invalid' | 'token_expired', detail: string, cause?: unknown): ProblemError {
  return new ProblemError(code, detail, {
    headers: { 'www-authenticate': `${REALM}, error="invalid_token", error_description="${detail}"` },
    cause,
  });
}
