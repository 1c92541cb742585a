import { hash } from 'node:crypto';
import type { JsonValue } from './metadata.js';
import type { LinkedOptions, TransferLeg } from './transfer.js';

/** The first 128 bits of the SHA-256 of scope and key, as 32 hexadecimal digits. */
export type KeyDigest = string;

/** The first 64 bits of the SHA-256 of a request, signed: enough to notice a mistake of the caller's own. */
export type RequestDigest = bigint;

/** A text that is the same for requests that say the same: keys of objects in order, nothing defaulted. */
export function canonicalJson(value: JsonValue): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const object = value as { readonly [key: string]: JsonValue };
    const members = Object.keys(object)
      .sort()
      .filter((key) => object[key] !== undefined)
      .map((key) => `${JSON.stringify(key)}:${canonicalJson(object[key] as JsonValue)}`);
    return `{${members.join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * Names a key within its ledger. The journal stores this digest and never the key itself, which may hold
 * a person's data and is often longer than the rest of the row.
 */
export function keyDigest({ idempotencyKey, scope = '' }: LinkedOptions): KeyDigest | null {
  if (idempotencyKey === undefined) return null;
  // The length in front keeps scope and key apart, whatever characters they hold.
  return hash('sha256', `${scope.length}:${scope}${idempotencyKey}`, 'hex').slice(0, 32);
}

/** Tells two requests apart: what the caller said, before look-ups and defaults. */
export function requestDigest(legs: readonly TransferLeg[], linked: boolean): RequestDigest {
  const text = (linked ? 'linked' : 'single') + legs.map(canonicalLeg).join('\n');
  return hash('sha256', text, 'buffer').readBigInt64BE(0);
}

function canonicalLeg(leg: TransferLeg): string {
  const { from, to, amount, currency, id, description, metadata, effectiveAt } = leg;
  // Texts that are checked elsewhere hold no separator; the free ones are written as JSON.
  let text = `${from} ${to} ${amount} ${currency}`;
  if (id !== undefined) text += ` id ${id}`;
  if (effectiveAt !== undefined) text += ` effective ${effectiveAt.getTime()}`;
  if (description !== undefined) text += ` description ${JSON.stringify(description)}`;
  if (metadata !== undefined) text += ` metadata ${canonicalJson(metadata)}`;
  return text;
}
