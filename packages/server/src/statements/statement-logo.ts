import { readFile, stat } from 'node:fs/promises';
import { StartError } from '../errors/start-error.js';

const BYTES_MAX = 1_048_576;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);

/**
 * Reads the logo of statements.
 *
 * @throws {StartError} `invalid_configuration`
 */
export async function readLogo(path: string): Promise<Uint8Array> {
  const refused = (message: string, cause?: unknown) =>
    new StartError('invalid_configuration', `STATEMENT_LOGO: ${message}`, { cause });
  const content = await readBounded(path).catch((cause: Error) => {
    throw refused(`${path} cannot be read: ${cause.message}`, cause);
  });
  if (content === undefined) throw refused(`${path} is not a file of at most 1 MiB`);
  if (![PNG, JPEG].some((start) => content.subarray(0, start.length).equals(start))) {
    throw refused(`${path} is no PNG or JPEG image`);
  }
  return content;
}

async function readBounded(path: string): Promise<Buffer | undefined> {
  const found = await stat(path);
  return found.isFile() && found.size <= BYTES_MAX ? readFile(path) : undefined;
}
