#!/usr/bin/env node
import { LedgerError } from '@micropay/ledger-core';
import { StartError } from '../errors/start-error.js';
import { isMistake } from '../process/exit-with.js';
import { refusalSentence, refusalText } from '../process/refusal-text.js';
import { CliError, EXIT, type ExitCode } from './cli-error.js';
import { parseCommandLine } from './command-line.js';
import { createOutput } from './output.js';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second one does not wait for what is under way.
    if (stop.signal.aborted) process.exit(EXIT.interrupted);
    stop.abort();
  });
}

// Whoever reads our output, such as head, may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});

process.exitCode = await run(process.argv.slice(2));

async function run(given: readonly string[]): Promise<ExitCode> {
  const output = createOutput(given.includes('--json'));
  try {
    const line = parseCommandLine(given);
    if ('text' in line) {
      process.stdout.write(`${line.text}\n`);
      return EXIT.ok;
    }
    return await line.command.run({ ...line, output, signal: stop.signal });
  } catch (error) {
    if (stop.signal.aborted && (error as Error).name === 'AbortError') {
      process.stderr.write('\nStopped.\n');
      return EXIT.interrupted;
    }
    if (!(error instanceof CliError || error instanceof LedgerError || error instanceof StartError)) throw error;
    output.value({ error: { code: error.code, message: refusalSentence(error) } });
    process.stderr.write(`${refusalText(error)}\n`);
    if (error instanceof CliError) return error.exitCode;
    return isMistake(error) || error.code === 'invalid_request' ? EXIT.misuse : EXIT.failed;
  }
}
