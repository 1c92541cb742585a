import type { z } from 'zod';
import { RATE_LIMITS_DEFAULT, type RateLimitSettings } from '../throttling/rate-limit-settings.js';
import { wholeNumber } from './environment.js';

export const PER_MINUTE_MAX = 10_000_000;

function limit(member: keyof RateLimitSettings, description: string, min = 0) {
  return wholeNumber(min, PER_MINUTE_MAX)
    .default(RATE_LIMITS_DEFAULT[member])
    .meta({ unit: 'requests a minute', description });
}

/** How many requests are admitted in a minute, over all servers. */
export const RATE_LIMIT_VARIABLES = {
  USER_READS_PER_MINUTE: limit('userReads', 'Reads of one user: `GET` requests. 0 is no limit.'),
  USER_WRITES_PER_MINUTE: limit(
    'userWrites',
    'Writes of one user: all other requests. Each transfer of a batch counts. 0 is no limit.',
  ),
  KEY_READS_PER_MINUTE: limit('keyReads', 'Reads with one API key. 0 is no limit.'),
  KEY_WRITES_PER_MINUTE: limit('keyWrites', 'Writes with one API key. 0 is no limit.'),
  ADDRESS_READS_PER_MINUTE: limit(
    'addressReads',
    'Reads from one network address, or /64 network of IPv6, by all users and strangers together. API keys are not counted. 0 is no limit.',
  ),
  ADDRESS_WRITES_PER_MINUTE: limit('addressWrites', 'Writes from one network address, likewise. 0 is no limit.'),
  SIGN_INS_PER_MINUTE: limit('signIns', 'Logins and registrations with one email from one network address.', 1),
  ADDRESS_SIGN_INS_PER_MINUTE: limit(
    'addressSignIns',
    'Logins and registrations from one network address, with any email.',
    1,
  ),
};

export function toRateLimitSettings(
  data: Readonly<Record<keyof typeof RATE_LIMIT_VARIABLES, z.output<ReturnType<typeof limit>>>>,
): RateLimitSettings {
  return {
    userReads: data.USER_READS_PER_MINUTE,
    userWrites: data.USER_WRITES_PER_MINUTE,
    keyReads: data.KEY_READS_PER_MINUTE,
    keyWrites: data.KEY_WRITES_PER_MINUTE,
    addressReads: data.ADDRESS_READS_PER_MINUTE,
    addressWrites: data.ADDRESS_WRITES_PER_MINUTE,
    signIns: data.SIGN_INS_PER_MINUTE,
    addressSignIns: data.ADDRESS_SIGN_INS_PER_MINUTE,
  };
}
