import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { cached } from '../cache.js';
import { rootDirectory } from '../directories.js';
import { debianArchive } from './debian-archive.js';
import { isInstalled, run, timed } from './run.js';

/** A container engine and Docker Compose in front of it. */
export interface Engine {
  readonly name: 'docker' | 'podman';
  /** Runs `docker` or `podman`, which take the same words. */
  run(...words: readonly string[]): string;
  /** The same, while this process goes on. */
  start(...words: readonly string[]): ChildProcess;
  compose(words: readonly string[], variables?: NodeJS.ProcessEnv): Promise<string>;
  stop(): void;
}

const PACKAGES = ['podman', 'runc', 'netavark', 'aardvark-dns', 'iptables', 'mmdebstrap', 'ca-certificates'];
const COMPOSE_TIMEOUT_MS = 300_000;
const SOCKET_TIMEOUT_MS = 30_000;

/**
 * Speaks Docker's protocol on the socket, and ends with this process, however that ends. Podman leaves the repeating of
 * health checks to systemd, which is not everywhere, so they are repeated here; a container without one is passed over.
 */
const SERVICE = `
podman system service --time 0 "unix://$1" > "$2" 2>&1 &
service=$!
trap 'kill $service' EXIT
trap exit TERM
while kill -0 $PPID && kill -0 $service; do
  for id in $(podman ps --quiet); do podman healthcheck run "$id"; done
  sleep 1
done > /dev/null 2>&1
`;

/** The Docker of this machine; where there is none, podman, which is installed when it is missing. */
export async function startEngine(): Promise<Engine> {
  if (isInstalled('docker', 'info') && isInstalled('docker', 'compose', 'version')) {
    return createEngine('docker', process.env, ['docker', 'compose'], () => undefined);
  }
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version')) {
    throw new Error(
      'There is no Docker engine with Compose here. Start one; only on Debian and Ubuntu, as root, is podman installed in its place.',
    );
  }
  await timed('podman installed', installPodman);
  return startPodman(await timed('Docker Compose fetched', fetchCompose));
}

function installPodman(): void {
  if (isInstalled('dpkg', '--status', ...PACKAGES)) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update'], { env });
  run('apt-get', ['install', '--yes', '--no-install-recommends', ...PACKAGES], { env });
}

/** Docker Compose from Debian 13, whose program has no dependencies; Debian 12 has none that is new enough. */
function fetchCompose(): string {
  const folder = cached('docker-compose', 'trixie', (target) => {
    const lists = join(target, 'lists');
    const cache = join(target, 'cache');
    for (const directory of [lists, cache]) mkdirSync(directory);
    writeFileSync(
      join(target, 'sources.list'),
      `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${debianArchive()} trixie main\n`,
    );
    const settings = [
      ['Dir::Etc::sourcelist', join(target, 'sources.list')],
      ['Dir::Etc::sourceparts', '-'],
      ['Dir::State::lists', lists],
      ['Dir::Cache', cache],
      // Apt's own account cannot write here.
      ['APT::Sandbox::User', 'root'],
    ].flatMap(([name, value]) => ['-o', `${name}=${value}`]);
    run('apt-get', [...settings, 'update']);
    run('sh', ['-c', 'apt-get "$@" download docker-compose && dpkg -x docker-compose_*.deb .', 'sh', ...settings], {
      cwd: target,
    });
    for (const directory of [lists, cache]) rmSync(directory, { recursive: true });
  });
  return join(folder, 'usr/libexec/docker/cli-plugins/docker-compose');
}

async function startPodman(composeProgram: string): Promise<Engine> {
  const directory = mkdtempSync(join(tmpdir(), 'micropay-podman-'));
  const socket = join(directory, 'podman.sock');
  const settings = join(directory, 'containers.conf');
  // Neither systemd nor the newest control groups are taken for granted, nor the right to raise a limit.
  writeFileSync(
    settings,
    `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[network]
network_backend = "netavark"
`,
  );
  const env = { ...process.env, CONTAINERS_CONF: settings };
  const log = join(directory, 'podman.log');
  const service = spawn('sh', ['-c', SERVICE, 'sh', socket, log], { env, stdio: 'ignore' });
  const stop = () => {
    service.kill();
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await untilListening(socket, service, log);
  } catch (error) {
    stop();
    throw error;
  }
  return createEngine('podman', { ...env, DOCKER_HOST: `unix://${socket}` }, [composeProgram], stop);
}

function createEngine(
  name: Engine['name'],
  env: NodeJS.ProcessEnv,
  [program = '', ...first]: readonly string[],
  stop: () => void,
): Engine {
  return {
    name,
    run: (...words) => run(name, words, { env }),
    start: (...words) => spawn(name, words, { env, stdio: ['ignore', 'pipe', 'inherit'] }),
    async compose(words, variables = {}) {
      const options = { cwd: rootDirectory, env: { ...env, ...variables }, timeout: COMPOSE_TIMEOUT_MS };
      const { stdout } = await promisify(execFile)(program, [...first, ...words], options);
      return stdout;
    },
    stop,
  };
}

async function untilListening(socket: string, service: ChildProcess, log: string): Promise<void> {
  const untilMs = performance.now() + SOCKET_TIMEOUT_MS;
  while (!existsSync(socket)) {
    if (service.exitCode !== null || performance.now() > untilMs) {
      throw new Error(`podman's service did not start: ${readFileSync(log, 'utf8')}`);
    }
    await sleep(50);
  }
}
