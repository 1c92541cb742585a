import { run } from './run.js';

/** The address from which this machine has Debian's packages, which may be a mirror. */
export function debianArchive(): string {
  const addresses = run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
    'Origin: Debian',
  ]);
  const archive = addresses.split('\n').find((address) => /\/debian\/?$/.test(address));
  if (archive !== undefined) return archive;
  throw new Error('apt knows no archive of Debian: name one in its sources, run "apt-get update", and try again.');
}
