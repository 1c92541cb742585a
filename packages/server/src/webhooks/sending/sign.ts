import { createHmac, randomBytes } from 'node:crypto';

export const SECRET_PREFIX = 'whsec_';
const SECRET_BYTES = 32;

export function newSigningSecret(): Buffer {
  return randomBytes(SECRET_BYTES);
}

/** The secret as Standard Webhooks writes it. */
export function secretText(secret: Buffer): string {
  return SECRET_PREFIX + secret.toString('base64');
}

export interface SignedParts {
  /** `webhook-id`: the same in every attempt. */
  readonly id: string;
  /** Of this attempt. */
  readonly timestampS: number;
  readonly body: string;
}

/** The headers of Standard Webhooks; each secret gives a signature, so that receivers may know the old one or the new one. */
export function signedHeaders(
  { id, timestampS, body }: SignedParts,
  secrets: readonly Buffer[],
): Readonly<Record<string, string>> {
  const signed = `${id}.${timestampS}.${body}`;
  const signatures = secrets.map((secret) => `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': signatures.join(' '),
  };
}
