import { hash, randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

/** A text that nobody can guess; the prefix tells people and secret scanners what it is. */
export function newSecret(prefix: string): string {
  return prefix + randomBytes(SECRET_BYTES).toString('base64url');
}

/** The stored hash of a secret. With 256 random bits it needs no salt and no slow hash. */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
