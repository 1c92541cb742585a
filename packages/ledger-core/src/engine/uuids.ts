import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

const BYTES_PER_UUID = 16;
const pool = new Uint8Array(256 * BYTES_PER_UUID);
let used = pool.length;

/** A UUIDv7. Random bytes are drawn for many at once: drawing them one by one costs more than the rest. */
export function uuidv7(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += BYTES_PER_UUID;
  return v7({ random: pool.subarray(used - BYTES_PER_UUID, used) });
}
