import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached, cacheFolder } from '../../../../scripts/cache.js';
import { run } from '../../../../scripts/ship/run.js';

const PYTHON_MINOR_MIN = 10;
const INSTALL_TIMEOUT_MS = 300_000;

/** Packages of Python that a test needs. */
export interface PythonPackages {
  /** The reason why they cannot be had here; undefined if they can. */
  whyNot(): string | undefined;
  /** The Python that has them, installed in the user's cache when they are missing. */
  install(): string;
}

/** @param requirements names every version, so that what is in the cache is what would be installed */
export function pythonPackages(name: string, requirements: URL): PythonPackages {
  const path = fileURLToPath(requirements);
  const key = [name, readFileSync(path, 'utf8')] as const;
  return {
    whyNot() {
      if (existsSync(cacheFolder(...key))) return undefined;
      const words = ['-c', 'import ensurepip, venv, sys; print(sys.version_info.minor)'];
      const { status, stdout } = spawnSync('python3', words, { encoding: 'utf8' });
      if (status === 0 && Number(stdout) >= PYTHON_MINOR_MIN) return undefined;
      return `needs Python 3.${PYTHON_MINOR_MIN} or newer with venv`;
    },
    install() {
      const pythonOf = (environment: string) => join(environment, 'bin', 'python');
      const folder = cached(...key, (target) => {
        const options = { timeoutMs: INSTALL_TIMEOUT_MS };
        run('python3', ['-m', 'venv', target], options);
        const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-deps', '-r', path];
        run(pythonOf(target), pip, options);
      });
      return pythonOf(folder);
    },
  };
}
