import { LedgerError } from '@micropay/ledger-core';
import { StartError } from '../errors/start-error.js';
import { refusalText } from './refusal-text.js';

const EXIT_FAILED = 1;
const EXIT_MISCONFIGURED = 2;
const MISTAKES: ReadonlySet<string> = new Set(['invalid_configuration', 'invalid_arguments', 'database_misconfigured']);

/** Whether a refusal is of what no restart cures. */
export function isMistake({ code }: StartError | LedgerError): boolean {
  return MISTAKES.has(code);
}

/** Ends the process with a refusal's code and words; a fault is thrown on. */
export function exitWith(error: unknown): never {
  if (!(error instanceof StartError || error instanceof LedgerError)) throw error;
  console.error(refusalText(error));
  process.exit(isMistake(error) ? EXIT_MISCONFIGURED : EXIT_FAILED);
}
