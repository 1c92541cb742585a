import { hash } from 'node:crypto';
import type { JsonValue } from '../json/json.js';
import type { Leg, LinkedLeg } from './leg.js';
import type { ReversalLeg } from './reversal.js';
import type { TransferLeg } from './transfer.js';

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
export function keyDigest({
  idempotencyKey,
  scope = '',
}: {
  readonly idempotencyKey?: string | undefined;
  readonly scope?: string | undefined;
}): KeyDigest | null {
  if (idempotencyKey === undefined) return null;
  // The length in front keeps scope and key apart, whatever characters they hold.
  return hash('sha256', `${scope.length}:${scope}${idempotencyKey}`, 'hex').slice(0, 32);
}

/** Tells two requests apart: what the caller said, before look-ups and defaults. */
export function requestDigest(legs: readonly Leg[], linked: boolean): RequestDigest {
  const text = (linked ? 'linked' : 'single') + legs.map(canonicalLeg).join('\n');
  // Hashes a text, because creating a buffer for each request costs more than the hash.
  return BigInt.asIntN(64, BigInt(`0x${hash('sha256', text, 'hex').slice(0, 16)}`));
}

function canonicalLeg(leg: Leg): string {
  if (leg.kind === 'expiry') return `expiry ${leg.hold}`;
  const { id, description, metadata, reference } = leg;
  // Texts that are checked elsewhere hold no separator; the free ones are written as JSON.
  let text = canonicalMovement(leg);
  if (id !== undefined) text += ` id ${id}`;
  if ('effectiveAt' in leg && leg.effectiveAt !== undefined) text += ` effective ${leg.effectiveAt.getTime()}`;
  if (description !== undefined) text += ` description ${JSON.stringify(description)}`;
  if (metadata !== undefined) text += ` metadata ${canonicalJson(metadata)}`;
  if (reference !== undefined) text += ` reference ${JSON.stringify(reference)}`;
  return text;
}

function canonicalMovement(leg: LinkedLeg): string {
  switch (leg.kind) {
    case 'hold':
      return `hold ${namedMovement(leg)} until ${leg.expiresAt?.getTime() ?? 'ever'}`;
    case 'capture':
      return `capture ${leg.hold} ${leg.amount ?? 'all'} ${leg.final === true ? 'final' : ''}`;
    case 'release':
      return `release ${leg.hold}`;
    case 'reversal':
      return `reversal ${leg.transfer} ${leg.amount ?? 'all'} ${canonicalOverdraft(leg)}`;
    default:
      return namedMovement(leg);
  }
}

function namedMovement({ from, to, amount, currency }: TransferLeg): string {
  return `${from} ${to} ${amount} ${currency}`;
}

function canonicalOverdraft({ allowOverdraft }: ReversalLeg): string {
  return allowOverdraft === undefined ? '' : `overdraft ${canonicalJson({ ...allowOverdraft })}`;
}
