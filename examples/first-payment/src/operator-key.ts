import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const HOSTS_HERE: ReadonlySet<string> = new Set(['127.0.0.1', '[::1]', 'localhost']);

/** The operator's key: OPERATOR_API_KEY, or the one that npm start has kept. */
export async function findOperatorKey(baseUrl: string): Promise<string> {
  const { OPERATOR_API_KEY: given, DATA_DIR, INIT_CWD = '' } = process.env;
  if (given !== undefined && given !== '') return given;
  // npm goes to the package's folder and says where it was called: that is where npm start begins, too.
  const dataDirectory = resolve(INIT_CWD, DATA_DIR || fileURLToPath(new URL('../../../.data', import.meta.url)));
  const path = join(dataDirectory, 'operator-api-key');
  // A kept key is of a server on this machine, and no other is to see it.
  const isHere = URL.canParse(baseUrl) && HOSTS_HERE.has(new URL(baseUrl).hostname);
  const kept = isHere ? await readFile(path, 'utf8').catch(() => '') : '';
  if (kept.trim() !== '') return kept.trim();
  throw new Error(
    `OPERATOR_API_KEY is not set${isHere ? `, and there is no key in ${path}` : ''}.\n` +
      'npm start prints the key at its first start and keeps it; for another server, set OPERATOR_API_KEY to its own.',
  );
}
