import { LedgerError } from '../errors.js';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** A JSON object of the caller's, at most 8 KiB as JSON, so that every event fits a broker's message. */
export type Metadata = { readonly [key: string]: JsonValue };

export const METADATA_BYTES_MAX = 8 * 1024;
const METADATA_DEPTH_MAX = 64;
export const DESCRIPTION_LENGTH_MAX = 500;

/**
 * Answers a copy as a later reading will bring it: what the caller changes afterwards changes nothing.
 *
 * @throws {LedgerError} `invalid_request` when it is no JSON object, larger than 8 KiB or deeper than 64 levels.
 */
export function checkMetadata(metadata: Metadata): Metadata {
  const json = toJson(metadata);
  if (typeof json !== 'string' || !json.startsWith('{')) {
    throw new LedgerError('invalid_request', 'metadata must be a JSON object');
  }
  if (Buffer.byteLength(json) > METADATA_BYTES_MAX) {
    throw new LedgerError('invalid_request', `metadata must be at most ${METADATA_BYTES_MAX} bytes of JSON`);
  }
  refuseNul(json, 'metadata');
  const copy = JSON.parse(json) as Metadata;
  if (isNestedBeyond(copy, METADATA_DEPTH_MAX)) {
    throw new LedgerError('invalid_request', `metadata must have at most ${METADATA_DEPTH_MAX} levels`);
  }
  return copy;
}

/** Ends at the limit, however deep the value goes on. */
function isNestedBeyond(value: JsonValue, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isNestedBeyond(member, levels - 1));
}

/** @throws {LedgerError} `invalid_request` */
export function checkDescription(description: string | undefined): void {
  if (description === undefined) return;
  if (typeof description !== 'string' || description.length > DESCRIPTION_LENGTH_MAX) {
    throw new LedgerError(
      'invalid_request',
      `description must be a text of at most ${DESCRIPTION_LENGTH_MAX} characters`,
    );
  }
  refuseNul(JSON.stringify(description), 'description');
}

function toJson(metadata: Metadata): string | undefined {
  try {
    return JSON.stringify(metadata);
  } catch (cause) {
    throw new LedgerError('invalid_request', 'metadata cannot be written as JSON', {}, { cause });
  }
}

/** PostgreSQL stores neither U+0000 nor half a surrogate pair; JSON shows both as an escape. */
function refuseNul(json: string, field: string): void {
  if (/(?:^|[^\\])(?:\\\\)*\\u(?:0000|d[89ab][0-9a-f]{2}|d[c-f][0-9a-f]{2})/i.test(json)) {
    throw new LedgerError('invalid_request', `${field} must not contain U+0000 or a lone surrogate`);
  }
}
