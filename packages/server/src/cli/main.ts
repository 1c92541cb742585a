#!/usr/bin/env node
import { unknownVariables } from '../process/config.js';
import { createStopSignal } from '../process/stop-signal.js';
import { EXIT, type ExitCode } from './cli-error.js';
import { parseCommandLine } from './command-line.js';
import { createOutput } from './output.js';
import { reportRefusal } from './report-refusal.js';

const signal = createStopSignal(EXIT.interrupted);

// The reader of our output, such as head, may have seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
});

const exitCode = await run(process.argv.slice(2));
// A connection that could not be closed in time must not keep the process; what was written is flushed first.
process.stdout.write('', () => process.exit(exitCode));

async function run(words: readonly string[]): Promise<ExitCode> {
  const output = createOutput(words.includes('--json'));
  try {
    const line = parseCommandLine(words);
    if ('text' in line) {
      process.stdout.write(`${line.text}\n`);
      return EXIT.ok;
    }
    for (const name of unknownVariables()) {
      process.stderr.write(`${name} is not a setting and has no effect: "micropay serve --help" lists the settings\n`);
    }
    return await line.command.run({ ...line, output, signal });
  } catch (error) {
    if (signal.aborted && (error as Error).name === 'AbortError') {
      process.stderr.write('\nStopped.\n');
      return EXIT.interrupted;
    }
    return reportRefusal(error, output);
  }
}
