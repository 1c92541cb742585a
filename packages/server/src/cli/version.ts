import { readFileSync } from 'node:fs';
import { PACKAGE_FOLDER } from '../package-folder.js';

/** The version of this package, which its programs say. */
export function readVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL('package.json', PACKAGE_FOLDER), 'utf8'));
  return String(version);
}
