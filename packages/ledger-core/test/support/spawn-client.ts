import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { builtProgram } from '../../../../scripts/built-program.js';

export interface SpawnedClient {
  /** Ids of the transfers that it was told are posted, by key. */
  readonly acknowledged: ReadonlyMap<string, string>;
  /** Resolves once it has so many acknowledgements, or has ended. */
  untilAcknowledged(count: number): Promise<void>;
  kill(): void;
  /** Its exit code; null when it was killed. */
  readonly ended: Promise<number | null>;
}

const SCRIPTS = {
  payments: new URL('client-process.ts', import.meta.url),
  everyChange: new URL('every-change-process.ts', import.meta.url),
};

/** Starts a process that posts the keys from `first` up to `end`, as its script does. */
export function spawnClient(
  database: string,
  name: string,
  { first, end, seed }: { readonly first: number; readonly end: number; readonly seed: number },
  script: keyof typeof SCRIPTS = 'payments',
): SpawnedClient {
  const words = [database, name, first, end, seed].map(String);
  const child = spawn(process.execPath, [...builtProgram(SCRIPTS[script]), ...words], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged = new Map<string, string>();
  let wake = () => {};
  const lines = createInterface(child.stdout);
  lines.on('line', (line) => {
    const [key = '', id = ''] = line.split(' ');
    acknowledged.set(key, id);
    wake();
  });
  let hasEnded = false;
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      hasEnded = true;
      wake();
      resolve(code);
    });
  });
  return {
    acknowledged,
    ended,
    kill: () => {
      child.kill('SIGKILL');
    },
    async untilAcknowledged(count) {
      while (acknowledged.size < count && !hasEnded) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
