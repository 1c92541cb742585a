import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { CliError } from '../cli-error.js';

const NEWLINE = 0x0a;
/** Room for a line with all metadata that a transfer may have, each character escaped. */
export const LINE_BYTES_MAX = 128 * 1024;

/** Some whole lines of a file. */
export interface LineBlock {
  readonly bytes: Buffer;
  /** Number of its first line, from 1. */
  readonly firstLine: number;
}

/**
 * Reads a file in blocks of whole lines, and ends at the first one that is not UTF-8: a decoder would put replacement
 * characters in its place and say nothing.
 *
 * @throws {CliError} `file_not_found`, `file_unreadable`, `not_utf8`, `line_too_long`
 */
export async function* wholeLines(path: string): AsyncGenerator<LineBlock> {
  let firstLine = 1;
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of readFile(path)) {
    const bytes = Buffer.concat([rest, chunk]);
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    rest = bytes.subarray(end);
    if (end > 0) {
      const block = { bytes: bytes.subarray(0, end), firstLine };
      checkUtf8(block);
      firstLine += count(block.bytes);
      yield block;
    }
    if (rest.length > LINE_BYTES_MAX) {
      throw new CliError(
        'line_too_long',
        `line ${firstLine} has more than ${LINE_BYTES_MAX} bytes: is this the right file?`,
      );
    }
  }
  if (rest.length > 0) {
    checkUtf8({ bytes: rest, firstLine });
    yield { bytes: rest, firstLine };
  }
}

async function* readFile(path: string): AsyncGenerator<Buffer> {
  try {
    yield* createReadStream(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new CliError('file_not_found', `${path} does not exist`, { cause });
    throw new CliError('file_unreadable', `${path} cannot be read (${code})`, { cause });
  }
}

function checkUtf8({ bytes, firstLine }: LineBlock): void {
  if (isUtf8(bytes)) return;
  let line = firstLine;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(NEWLINE, start) + 1 || bytes.length;
    if (!isUtf8(bytes.subarray(start, end))) break;
    start = end;
  }
  throw new CliError(
    'not_utf8',
    `line ${line} is not UTF-8: convert the file, for example with iconv, and run the command again`,
  );
}

function count(bytes: Buffer): number {
  let lines = 0;
  for (let at = bytes.indexOf(NEWLINE); at !== -1; at = bytes.indexOf(NEWLINE, at + 1)) lines += 1;
  return lines;
}
