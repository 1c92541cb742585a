import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES_PER_UUID = 16;
const UUIDS_PER_POOL = 256;
const pool = new Uint8Array(UUIDS_PER_POOL * BYTES_PER_UUID);
const randoms = Array.from({ length: UUIDS_PER_POOL }, (_, index) => ({
  random: pool.subarray(index * BYTES_PER_UUID, (index + 1) * BYTES_PER_UUID),
}));
let used = UUIDS_PER_POOL;

const bytes = new Uint8Array(BYTES_PER_UUID);
const text = Buffer.alloc(36, '-');
const HEX_DIGITS = Buffer.from('0123456789abcdef');
/** Where each byte's two digits stand between the dashes. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/**
 * A UUIDv7. Random bytes are drawn for many at once, and the text is made in one piece: drawn and glued together one
 * by one, they would cost several times as much.
 */
export function uuidv7(): string {
  if (used === UUIDS_PER_POOL) {
    randomFillSync(pool);
    used = 0;
  }
  v7(randoms[used], bytes);
  used += 1;
  for (let index = 0; index < BYTES_PER_UUID; index += 1) {
    const byte = bytes[index] ?? 0;
    const place = PLACES[index] ?? 0;
    text[place] = HEX_DIGITS[byte >> 4] ?? 0;
    text[place + 1] = HEX_DIGITS[byte & 15] ?? 0;
  }
  return text.toString('latin1');
}
