import { LedgerError } from '@micropay/ledger-core';
import { StartError } from '../errors/start-error.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import type { Output } from './output.js';
import { refusalSentence, refusalText } from './refusal-text.js';

/** Refusals that no restart cures: the command, its configuration or the request has to change. */
const MISTAKES: ReadonlySet<string> = new Set(['invalid_configuration', 'database_misconfigured', 'invalid_request']);

/** Writes why a command ended, for people and for programs, and returns its exit code; a bug is thrown on. */
export function reportRefusal(error: unknown, output: Output): ExitCode {
  if (!(error instanceof CliError || error instanceof LedgerError || error instanceof StartError)) throw error;
  output.value({ error: { code: error.code, message: refusalSentence(error) } });
  process.stderr.write(`${refusalText(error)}\n`);
  if (error instanceof CliError) return error.exitCode;
  return MISTAKES.has(error.code) ? EXIT.misuse : EXIT.failed;
}
