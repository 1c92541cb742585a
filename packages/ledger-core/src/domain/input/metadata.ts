import { copyJson } from '../json/copy-json.js';
import type { JsonValue } from '../json/json.js';
import { type Check, invalidArgument } from './arguments.js';
import { isLongerThan } from './text.js';

/** The caller's JSON object; at most 8 KiB as JSON, so that every event fits into a Kafka message. */
export type Metadata = { readonly [key: string]: JsonValue };

export const METADATA_BYTES_MAX = 8 * 1024;
const METADATA_DEPTH_MAX = 64;
export const DESCRIPTION_LENGTH_MAX = 500;

/**
 * Checks metadata as the ledger's own functions do. Use it where metadata arrives, before you look anything up. Returns a
 * copy, which later changes to the original do not affect.
 *
 * @throws {LedgerError} `invalid_request`, with the member in `details.field`, if it is not a JSON object, is larger than
 *   8 KiB or deeper than 64 levels, or contains a value that JSON would change
 */
export function checkMetadata(metadata: Metadata): Metadata {
  return readMetadata(metadata, 'metadata');
}

function readMetadata(metadata: unknown, name: string): Metadata {
  const limits = { name, bytesMax: METADATA_BYTES_MAX, depthMax: METADATA_DEPTH_MAX };
  const copy = copyJson(metadata, limits);
  if (typeof copy !== 'object' || copy === null || Array.isArray(copy)) {
    throw invalidArgument(name, 'must be a JSON object');
  }
  return copy as Metadata;
}

/** @throws {LedgerError} `invalid_request` */
export function checkDescription(description: string | undefined): void {
  if (description === undefined) return;
  if (typeof description !== 'string' || isLongerThan(description, DESCRIPTION_LENGTH_MAX)) {
    throw invalidArgument('description', `must be a text of at most ${DESCRIPTION_LENGTH_MAX} characters`);
  }
  if (/[\0\p{Surrogate}]/u.test(description)) {
    throw invalidArgument('description', 'must not contain U+0000 or a lone surrogate');
  }
}

export const metadata: Check<Metadata> = readMetadata;

export const description: Check<string> = (value) => {
  checkDescription(value as string);
  return value as string;
};
