import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES_PER_UUID = 16;
const UUIDS_PER_POOL = 256;
const pool = new Uint8Array(UUIDS_PER_POOL * BYTES_PER_UUID);
const randoms = Array.from({ length: UUIDS_PER_POOL }, (_, index) =>
  pool.subarray(index * BYTES_PER_UUID, (index + 1) * BYTES_PER_UUID),
);
let used = UUIDS_PER_POOL;

const SEQUENCE_MAX = 2 ** 32 - 1;
/** Start values of a millisecond's counter lie below this, so that two processes hardly collide. */
const SEQUENCE_STARTS = 2 ** 31;
const options = { random: pool, msecs: 0, seq: 0 };

const bytes = new Uint8Array(BYTES_PER_UUID);
const text = Buffer.alloc(36, '-');
const HEX_DIGITS = Buffer.from('0123456789abcdef');
/** Index of each byte's two digits between the dashes. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34];

/**
 * A UUIDv7, above all before it of this process: their index grows at its end, where its pages fill up. Random bytes
 * are drawn for many at once, and the text is made in one piece: drawn and glued together one by one, they would cost
 * several times as much.
 */
export function uuidv7(): string {
  if (used === UUIDS_PER_POOL) {
    randomFillSync(pool);
    used = 0;
  }
  const random = randoms[used] ?? pool;
  used += 1;
  stepSequence(Date.now(), random);
  options.random = random;
  v7(options, bytes);
  return toText();
}

/** The monotonic counter of RFC 9562, section 6.2, method 1: also while the clock stands still or is set back. */
function stepSequence(nowMs: number, random: Uint8Array): void {
  if (nowMs > options.msecs) {
    options.msecs = nowMs;
    options.seq = new DataView(random.buffer, random.byteOffset).getUint32(0) % SEQUENCE_STARTS;
  } else if (options.seq === SEQUENCE_MAX) {
    options.msecs += 1;
    options.seq = 0;
  } else {
    options.seq += 1;
  }
}

function toText(): string {
  for (let index = 0; index < BYTES_PER_UUID; index += 1) {
    const byte = bytes[index] ?? 0;
    const place = PLACES[index] ?? 0;
    text[place] = HEX_DIGITS[byte >> 4] ?? 0;
    text[place + 1] = HEX_DIGITS[byte & 15] ?? 0;
  }
  return text.toString('latin1');
}
