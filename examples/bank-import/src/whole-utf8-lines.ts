import { isUtf8 } from 'node:buffer';
import { Transform } from 'node:stream';
import { ImportError } from './import-error.js';

const NEWLINE = 0x0a;
/** A line of the format has about a hundred bytes; a file without line ends is not read into memory to the end. */
const LINE_BYTES_MAX = 64 * 1024;

/**
 * Lets bytes through as whole lines, and stops at the first one that is not UTF-8: a CSV reader would put replacement
 * characters in its place and say nothing. No character of UTF-8 but the newline itself contains its byte.
 */
export function wholeUtf8Lines(): Transform {
  let line = 1;
  let pending: Buffer[] = [];
  let pendingBytes = 0;

  const check = (block: Buffer) => {
    if (isUtf8(block)) return;
    for (let start = 0; start < block.length; line++) {
      const end = block.indexOf(NEWLINE, start) + 1 || block.length;
      if (!isUtf8(block.subarray(start, end))) {
        throw new ImportError('not_utf8', 'this line is not UTF-8: convert the file, for example with iconv', { line });
      }
      start = end;
    }
  };

  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const end = chunk.lastIndexOf(NEWLINE) + 1;
      try {
        if (end > 0) {
          const block = Buffer.concat([...pending, chunk.subarray(0, end)]);
          check(block);
          line += countNewlines(block);
          this.push(block);
          pending = [];
          pendingBytes = 0;
        }
        const rest = chunk.subarray(end);
        pending.push(rest);
        pendingBytes += rest.length;
        if (pendingBytes > LINE_BYTES_MAX) {
          throw new ImportError('not_csv', `this line has more than ${LINE_BYTES_MAX} bytes: is this the right file?`, {
            line,
          });
        }
        done();
      } catch (error) {
        done(error as Error);
      }
    },
    flush(done) {
      const block = Buffer.concat(pending);
      try {
        check(block);
        done(null, block);
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function countNewlines(block: Buffer): number {
  let count = 0;
  for (let at = block.indexOf(NEWLINE); at !== -1; at = block.indexOf(NEWLINE, at + 1)) count++;
  return count;
}
