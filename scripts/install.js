import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const { engines, packageManager } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8'));

/** Ends the process with a message when this Node is too old for what follows. */
export function requireNode() {
  const floor = engines.node.replace('>=', '');
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [floorMajor, floorMinor] = floor.split('.').map(Number);
  if (major > floorMajor || (major === floorMajor && minor >= floorMinor)) return;
  console.error(`MicroPay needs Node ${floor} or newer, and this is ${process.versions.node}: see https://nodejs.org.`);
  process.exit(1);
}

/** Installs the dependencies unless they are those of the lockfile already; ends the process when that fails. */
export function installDependencies() {
  const lockfile = createHash('sha256')
    .update(readFileSync(`${root}/pnpm-lock.yaml`))
    .digest('hex');
  // Modification times say little after a clone or a copy; what was installed is remembered by its content.
  const installed = `${root}/node_modules/.installed-lockfile`;
  if (existsSync(installed) && readFileSync(installed, 'utf8') === lockfile) return;

  console.log('Installing the dependencies; this takes a minute the first time.');
  const { status } = spawnSync('npx', ['--yes', packageManager, 'install', '--frozen-lockfile'], {
    cwd: root,
    stdio: 'inherit',
    // On Windows npx is a script, which only a shell runs.
    shell: process.platform === 'win32',
  });
  if (status !== 0) {
    console.error(
      'The dependencies could not be installed; the lines above say why. Without a network this works only where they\n' +
        'have been installed before. Once the npm registry can be reached, run the same command again.',
    );
    process.exit(1);
  }
  writeFileSync(installed, lockfile);
}
