// Runs one of the TypeScript scripts beside it: node scripts/run.js <name> [arguments]; without a name it only installs. It
// is plain JavaScript without dependencies, because it is what installs them.
import { fileURLToPath } from 'node:url';
import { installDependencies, requireNode } from './install.js';

requireNode();
installDependencies();

// npm runs us through a shell that passes no signal on: when they are gone, we were meant to go too.
const parent = process.ppid;
if (process.env.npm_lifecycle_event !== undefined) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    process.kill(process.pid, 'SIGTERM');
  }, 500).unref();
}

const [name] = process.argv.splice(2, 1);
if (name !== undefined) {
  const { register } = await import('tsx/esm/api');
  // tsx would otherwise take the settings of whatever folder the command is called from.
  register({ tsconfig: fileURLToPath(new URL('../tsconfig.json', import.meta.url)) });
  await import(new URL(`./${name}.ts`, import.meta.url).href);
}
