import { hashSync, verifySync } from '@node-rs/argon2';

// JavaScript, because a thread of Node 20 does not read TypeScript, also where the rest of the server runs from its source.

/** OWASP's recommendation for argon2id, which is the library's default variant: 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** @param {string} password */
export function hash(password) {
  return hashSync(password, COST);
}

/** @param {readonly [passwordHash: string, password: string]} pair */
export function verify([passwordHash, password]) {
  return verifySync(passwordHash, password);
}
