import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Installation } from './packed-release.js';

const LISTENING = /listens on (\S+)\. /;

export interface RunningMicropay {
  readonly child: ChildProcess;
  /** All that it has written. */
  output(): string;
  ended(): Promise<number | null>;
}

/** Starts `micropay` of an installation, with nothing in its environment but what is given. */
export function startMicropay(
  { folder, program }: Installation,
  words: readonly string[],
  environment: Readonly<Record<string, string>>,
): RunningMicropay {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, [program, ...words], {
    cwd: folder,
    env: { PATH, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const closed = once(child, 'close').then(([exitCode]) => exitCode as number | null);
  return { child, output: () => output, ended: () => closed };
}

/** Runs a command to its end, and returns what it has written. */
export async function runMicropay(...given: Parameters<typeof startMicropay>): Promise<string> {
  const command = startMicropay(...given);
  const exitCode = await command.ended();
  if (exitCode !== 0) throw new Error(`micropay ${given[1].join(' ')} ended with ${exitCode}:\n${command.output()}`);
  return command.output();
}

export interface ListeningServer {
  readonly url: string;
  /** Asks it to stop, and waits until it has. */
  stop(): Promise<void>;
  kill(): void;
}

export async function serve(
  installation: Installation,
  environment: Readonly<Record<string, string>>,
): Promise<ListeningServer> {
  const server = startMicropay(installation, ['serve'], { ...environment, PORT: '0' });
  const ended = server.ended().then(() => true);
  for (;;) {
    const url = LISTENING.exec(server.output())?.[1];
    if (url !== undefined) {
      return {
        url,
        async stop() {
          server.child.kill('SIGTERM');
          const exitCode = await server.ended();
          if (exitCode !== 0) throw new Error(`a server ended with ${exitCode}:\n${server.output()}`);
        },
        kill: () => server.child.kill('SIGKILL'),
      };
    }
    const written = once(server.child.stdout as NonNullable<ChildProcess['stdout']>, 'data').then(() => false);
    if (await Promise.race([ended, written])) throw new Error(`a server ended before it listened:\n${server.output()}`);
  }
}
