import { hash, randomBytes } from 'node:crypto';

const SECRET_BYTES = 32;

/** A text that nobody can guess; the prefix tells people and secret scanners what it is. */
export function newSecret(prefix: string): string {
  return prefix + randomBytes(SECRET_BYTES).toString('base64url');
}

/** What is stored of a secret. It needs no salt and no slow hash: it has 256 random bits. */
export function hashSecret(secret: string): Buffer {
  return hash('sha256', secret, 'buffer');
}
