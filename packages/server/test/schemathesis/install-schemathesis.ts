import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, cacheFolder } from '../../../../scripts/cache.js';
import { run } from '../../../../scripts/ship/run.js';

const PYTHON_MINOR_MIN = 10;
const INSTALL_TIMEOUT_MS = 300_000;
const requirements = fileURLToPath(new URL('./requirements.txt', import.meta.url));
/** The requirements name every version. */
const CACHED = ['schemathesis', readFileSync(requirements, 'utf8')] as const;

/** The reason why schemathesis cannot run here; undefined if it can. */
export function whyNoSchemathesis(): string | undefined {
  if (existsSync(cacheFolder(...CACHED))) return undefined;
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

/** The Python that has schemathesis, installed when it is missing. */
export function installSchemathesis(): string {
  const pythonOf = (environment: string) => join(environment, 'bin', 'python');
  const folder = cached(...CACHED, (target) => {
    const options = { timeoutMs: INSTALL_TIMEOUT_MS };
    run('python3', ['-m', 'venv', target], options);
    const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', requirements];
    run(pythonOf(target), pip, options);
  });
  return pythonOf(folder);
}
