import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { builtProgram } from '../../../../scripts/built-program.js';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url);

export interface MicropayResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MicropayProcess {
  readonly child: ChildProcess;
  readonly result: Promise<MicropayResult>;
}

/** Starts `micropay` in a folder as a shell would. */
export function startMicropay(
  words: readonly string[],
  { cwd, environment }: { readonly cwd: string; readonly environment: Readonly<Record<string, string>> },
): MicropayProcess {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [...builtProgram(MAIN), ...words], {
    cwd,
    env: { PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const result = once(child, 'close').then(([exitCode]) => ({ exitCode: exitCode as number | null, stdout, stderr }));
  return { child, result };
}
