import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { builtProgram } from '../../../../scripts/built-program.js';

const MAIN = new URL('../../src/cli/main.ts', import.meta.url);
const LIMITED = 'ulimit -Sn $0 && ulimit -Hn $0 && exec "$@"';
const LISTENING = /listens on (\S+)\. /;

/** The server as a process of its own. */
export interface MainProcess {
  readonly child: ChildProcess;
  /** All that it has written so far. */
  output(): string;
  /** The address that it listens on, once it does. */
  listening(): Promise<string>;
  /** Its exit code, once it has ended. */
  ended(): Promise<number | null>;
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface RunOptions {
  /** Options of `micropay serve`. */
  readonly words?: readonly string[];
  /** For Node itself. */
  readonly nodeWords?: readonly string[];
  /** The limit on open files and sockets. */
  readonly openFilesMax?: number;
}

export function runMain(
  environment: Record<string, string>,
  { words = [], nodeWords = [], openFilesMax }: RunOptions = {},
): MainProcess {
  return runNode([...nodeWords, ...builtProgram(MAIN), 'serve', ...words], environment, openFilesMax);
}

/** `micropay relay` as a process of its own; it does not listen. */
export function runRelayMain(words: readonly string[], environment: Record<string, string>): MainProcess {
  return runNode([...builtProgram(MAIN), 'relay', ...words], environment);
}

/** Any other TypeScript program, with nothing in its environment but what is given. */
export function runProgram(words: readonly string[], environment: Record<string, string>): MainProcess {
  return runNode(['--import', 'tsx', ...words], environment);
}

function runNode(words: readonly string[], environment: Record<string, string>, openFilesMax?: number): MainProcess {
  const { PATH = '' } = process.env;
  const command = [process.execPath, ...words] as const;
  const [program, ...rest] =
    openFilesMax === undefined ? command : ['sh', '-c', LIMITED, `${openFilesMax}`, ...command];
  const child = spawn(program, rest, {
    env: { PATH, PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const exit = once(child, 'close').then(([code]) => code as number | null);

  return {
    child,
    output: () => output,
    ended: () => exit,
    async listening() {
      for (;;) {
        const url = LISTENING.exec(output)?.[1];
        if (url !== undefined) return url;
        const ended = await Promise.race([exit.then(() => true), once(child.stdout, 'data').then(() => false)]);
        if (ended) throw new Error(`the server ended before it listened:\n${output}`);
      }
    },
    stop(signal = 'SIGTERM') {
      child.kill(signal);
      return exit;
    },
  };
}
