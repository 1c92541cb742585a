import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fetchLibraries } from '@micropay/local-kafka';
import { parse } from 'yaml';
import { cached } from '../cache.js';
import { rootDirectory } from '../directories.js';
import { debianArchive } from './debian-archive.js';
import type { Engine } from './engine.js';
import { attempt, run } from './run.js';

const PULL_TIMEOUT_MS = 60_000;
const NPM = 'npm@11.6.0';
const CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt';
const BASE_PACKAGES = 'base-files,base-passwd,bash,dash,coreutils,findutils,grep,gzip,libc-bin,libstdc++6,sed,tar';
const SERVICE_PACKAGES = `${BASE_PACKAGES},postgresql-15,openjdk-17-jre-headless`;

const ACCOUNTS = `RUN cp /usr/share/base-passwd/passwd.master /etc/passwd \\
    && cp /usr/share/base-passwd/group.master /etc/group \\
    && mkdir -p /tmp && chmod 1777 /tmp
`;

/** The images that the Dockerfile and compose.yaml name, by the program in them. */
export function namedImages() {
  const dockerfile = readFileSync(join(rootDirectory, 'Dockerfile'), 'utf8');
  const [, node = ''] = /^FROM (\S+)/m.exec(dockerfile) ?? [];
  const { services } = parse(readFileSync(join(rootDirectory, 'compose.yaml'), 'utf8'), { merge: true });
  const imageOf = (service: string): string => services[service].image;
  return {
    node,
    postgres: imageOf('postgres'),
    kafka: imageOf('kafka'),
    mail: imageOf('mail'),
    micropay: imageOf('server'),
  };
}

/**
 * Makes sure of the images that are not ours. Where no image registry is reached, the same programs are put together
 * from the packages of Debian, npm and Maven, under the same names.
 */
export function provideImages(engine: Engine): 'from the registry' | 'put together here' {
  const { node, postgres, kafka, mail } = namedImages();
  if (engine.name === 'docker') {
    // Docker's builder keeps its own copy, which has no size to compare with. Compose fetches the others.
    engine.run('pull', '--quiet', node);
    return 'from the registry';
  }
  const isThere = (image: string) => {
    try {
      engine.run('image', 'exists', image);
      return true;
    } catch {
      return false;
    }
  };
  if (![node, postgres, kafka, mail].every(isThere)) {
    if (attempt('podman', ['pull', '--quiet', node], { timeoutMs: PULL_TIMEOUT_MS }).status === 0) {
      return 'from the registry';
    }
    buildNode(engine, node);
    buildServices(engine, { postgres, kafka });
    build(engine, mail, (folder) => {
      const version = mail.split(':').at(-1);
      writeFileSync(
        join(folder, 'Dockerfile'),
        `FROM ${node}\nRUN npm install --global maildev@${version}\nCMD ["maildev"]\n`,
      );
    });
  }
  return 'put together here';
}

function buildNode(engine: Engine, image: string): void {
  const [, version = ''] = /:(\d+\.\d+\.\d+)/.exec(image) ?? [];
  build(engine, image, (folder) => {
    copyFileSync(rootFileSystem('base', BASE_PACKAGES), join(folder, 'root.tar'));
    const architecture = process.arch;
    const packages = [`node-linux-${architecture}@${version}`, NPM];
    run('npm', ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--prefix', folder, ...packages]);
    copyFileSync(CERTIFICATES, join(folder, 'ca-certificates.crt'));
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM scratch
ADD root.tar /
COPY node_modules/node-linux-${architecture}/bin/node /usr/local/bin/node
COPY node_modules/npm /usr/local/lib/node_modules/npm
COPY ca-certificates.crt ${CERTIFICATES}
ENV NODE_EXTRA_CA_CERTS=${CERTIFICATES}
${ACCOUNTS}RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm \\
    && ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
`,
    );
  });
}

function buildServices(engine: Engine, { postgres, kafka }: { readonly postgres: string; readonly kafka: string }) {
  build(engine, postgres, (folder) => {
    copyFileSync(rootFileSystem('services', SERVICE_PACKAGES), join(folder, 'root.tar'));
    cpSync(fileURLToPath(new URL('./stand-ins/', import.meta.url)), folder, { recursive: true });
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM scratch
ADD root.tar /
${ACCOUNTS}RUN echo postgres:x:999:999::/:/bin/sh >> /etc/passwd && ln -sf /usr/lib/postgresql/*/bin/pg_isready /usr/bin/
COPY postgres.sh /
CMD ["/postgres.sh"]
`,
    );
  });
  build(engine, kafka, (folder) => {
    cpSync(fileURLToPath(new URL('./stand-ins/', import.meta.url)), folder, { recursive: true });
    mkdirSync(join(folder, 'libs'));
    cpSync(fetchLibraries(), join(folder, 'libs'), { recursive: true });
    writeFileSync(
      join(folder, 'Dockerfile'),
      `FROM ${postgres}
RUN ln -s /usr/lib/jvm/java-17-openjdk-*/bin/java /usr/bin/java
COPY libs /opt/kafka/libs
COPY kafka.sh /
CMD ["/kafka.sh"]
`,
    );
  });
}

/** The files of Debian's packages, without their install scripts: the programs need none of them. */
function rootFileSystem(name: string, packages: string): string {
  const folder = cached(name, packages, (target) => {
    const words = ['--mode=root', '--variant=extract', `--include=${packages}`, 'bookworm'];
    run('mmdebstrap', [...words, join(target, 'root.tar'), debianArchive()]);
  });
  return join(folder, 'root.tar');
}

function build(engine: Engine, image: string, fill: (folder: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), 'micropay-image-'));
  try {
    fill(folder);
    buildImage(engine, image, folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

export function buildImage(engine: Engine, image: string, folder: string): void {
  if (engine.name === 'docker') engine.run('build', '--quiet', '--tag', image, folder);
  else {
    // The format of Docker, because that of podman has no health check.
    const words = ['--isolation', 'chroot', '--network', 'host', '--format', 'docker', '--layers=false'];
    engine.run('build', '--quiet', ...words, '--tag', image, folder);
  }
}
