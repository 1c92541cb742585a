import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/**
 * Runs its arguments as a program, with the output in a file, and prints the process id. It kills the program when its own
 * input ends: when the process that started it closes it, or has ended, even by SIGKILL. It then removes the folder, unless
 * it was asked to keep it.
 */
const KEEPER = `
log=$1; folder=$2; shift 2
exec 3<&0
"$@" < /dev/null >> "$log" 2>&1 3<&- &
program=$!
echo $program
(
  read -r word <&3
  [ "$word" = keep ] || : > "$folder/remove"
  kill -9 $program
) &
watcher=$!
wait $program
kill $watcher
[ ! -f "$folder/remove" ] || rm -rf "$folder"
`;

export interface KeptProcess {
  /** Resolves when the program has ended, for whatever reason. */
  readonly ended: Promise<void>;
  isRunning(): boolean;
  /** Stops the program where it is, with SIGSTOP: its connections stay open, and nothing answers. */
  hang(): void;
  /** Kills the program with SIGKILL and keeps its folder. */
  kill(): Promise<void>;
  /** Kills the program and removes its folder, even if the caller does not await the result. */
  remove(): Promise<void>;
}

/** Starts a program that does not outlive this process. */
export function keepProcess(
  command: readonly string[],
  { logFile, folder }: { readonly logFile: string; readonly folder: string },
): Promise<KeptProcess> {
  const keeper = spawn('sh', ['-c', KEEPER, 'keeper', logFile, folder, ...command], {
    stdio: ['pipe', 'pipe', 'ignore'],
    // This process itself handles a Ctrl-C in the terminal.
    detached: true,
  });
  keeper.stdin.on('error', () => undefined);
  let running = true;
  const ended = new Promise<void>((resolve) => {
    keeper.once('close', () => {
      running = false;
      resolve();
    });
  });
  const end = (word: string) => {
    if (running) keeper.stdin.end(word);
    return ended;
  };
  return new Promise((resolve, reject) => {
    keeper.once('error', reject);
    createInterface(keeper.stdout).once('line', (pid) =>
      resolve({
        ended,
        isRunning: () => running,
        hang() {
          if (running) process.kill(Number(pid), 'SIGSTOP');
        },
        kill: () => end('keep\n'),
        remove: () => end('\n'),
      }),
    );
  });
}
