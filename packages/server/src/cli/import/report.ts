import { closeSync, openSync, writeSync } from 'node:fs';
import { CliError } from '../cli-error.js';
import type { RefusedLine } from './refused-line.js';

const NAMED_MAX = 20;

export interface Report {
  readonly add: (refused: RefusedLine) => void;
  /** The first refused lines, for the eye. */
  readonly first: readonly RefusedLine[];
  close(): void;
}

/**
 * Refused lines as JSON lines; without a path only the first are kept. The file is opened before anything is posted, so
 * that no refusal is lost to a path that cannot be written, and written at once, so that none waits in memory.
 *
 * @throws {CliError} `file_unwritable`
 */
export function createReport(path: string | undefined): Report {
  const file = path === undefined ? undefined : openFile(path);
  const first: RefusedLine[] = [];
  return {
    first,
    add(refused) {
      if (first.length < NAMED_MAX) first.push(refused);
      if (file !== undefined) writeSync(file, `${JSON.stringify(refused)}\n`);
    },
    close() {
      if (file !== undefined) closeSync(file);
    },
  };
}

function openFile(path: string): number {
  try {
    return openSync(path, 'w');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('file_unwritable', `${path} cannot be written (${code})`, { cause });
  }
}
