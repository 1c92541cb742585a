import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PYTHON_MINOR_MIN = 10;
const INSTALL_TIMEOUT_MS = 300_000;
const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));

/** The reason why schemathesis cannot run here; undefined if it can. */
export function whyNoSchemathesis(): string | undefined {
  if (existsSync(environmentFolder())) return undefined;
  const { status, stdout } = spawnSync(
    'python3',
    ['-c', 'import ensurepip, venv, sys; print(sys.version_info.minor)'],
    {
      encoding: 'utf8',
    },
  );
  if (status === 0 && Number(stdout) >= PYTHON_MINOR_MIN) return undefined;
  return `needs Python 3.${PYTHON_MINOR_MIN} or newer with venv`;
}

/** One folder for each content of the requirements, which name every version. */
function environmentFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const content = createHash('sha256').update(readFileSync(requirements)).digest('hex').slice(0, 12);
  return join(cache, 'micropay', `schemathesis-${content}`);
}

/** The Python that has schemathesis, installed when it is missing. */
export function installSchemathesis(): string {
  const folder = environmentFolder();
  const pythonOf = (environment: string) => join(environment, 'bin', 'python');
  if (existsSync(folder)) return pythonOf(folder);
  // Under another name until it is whole; of several processes that install at once, the first to finish counts.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  try {
    run('python3', ['-m', 'venv', unfinished]);
    run(pythonOf(unfinished), [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '--no-deps',
      '-r',
      requirements,
    ]);
    renameSync(unfinished, folder);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return pythonOf(folder);
}

function run(command: string, words: readonly string[]): void {
  const { status, stdout, stderr, error } = spawnSync(command, words, {
    encoding: 'utf8',
    timeout: INSTALL_TIMEOUT_MS,
  });
  if (status !== 0) throw new Error(`schemathesis could not be installed: ${error?.message ?? `${stdout}${stderr}`}`);
}
