import { spawnSync } from 'node:child_process';
import { rootDirectory } from '../directories.js';

const TIMEOUT_MS = 600_000;
const OUTPUT_BYTES_MAX = 64 * 1_024 * 1_024;

interface RunOptions {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly input?: string;
  readonly timeoutMs?: number;
}

export function attempt(command: string, words: readonly string[], options: RunOptions = {}) {
  const { cwd = rootDirectory, env = process.env, input, timeoutMs = TIMEOUT_MS } = options;
  return spawnSync(command, words, {
    cwd,
    env,
    input,
    timeout: timeoutMs,
    encoding: 'utf8',
    maxBuffer: OUTPUT_BYTES_MAX,
  });
}

/** Returns the standard output; throws with everything that was printed when the command fails. */
export function run(command: string, words: readonly string[], options?: RunOptions): string {
  const { status, stdout, stderr, error } = attempt(command, words, options);
  if (status === 0) return stdout;
  throw new Error(`${command} ${words.join(' ')} failed: ${error?.message ?? ''}\n${stdout}${stderr}`);
}

export function isInstalled(command: string, ...words: readonly string[]): boolean {
  return attempt(command, words).status === 0;
}

/** Says how long a step took, which is what to look at when the check becomes slow. */
export async function timed<Result>(step: string, work: () => Result | Promise<Result>): Promise<Result> {
  const startedAtMs = performance.now();
  const result = await work();
  console.log(`${step}: ${((performance.now() - startedAtMs) / 1_000).toFixed(1)} s`);
  return result;
}
