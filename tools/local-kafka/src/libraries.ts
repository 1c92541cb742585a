import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const JAVA_MIN = 17;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const pom = fileURLToPath(new URL('../pom.xml', import.meta.url));

/** The reason why no broker can be started here; undefined if one can. */
export function whyNoKafka(): string | undefined {
  const { stderr, error } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = /version "(\d+)/.exec(stderr ?? '')?.[1];
  if (error !== undefined || version === undefined) return `needs Java ${JAVA_MIN} and Maven, or KAFKA_BROKERS`;
  if (Number(version) < JAVA_MIN) return `needs Java ${JAVA_MIN} or newer, and this is ${version}`;
  if (existsSync(librariesFolder())) return undefined;
  if (spawnSync('mvn', ['--version']).error !== undefined) return 'needs Maven to fetch Kafka, or KAFKA_BROKERS';
  return undefined;
}

/** One folder for each content of the pom, which names the version. */
function librariesFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  const content = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  return join(cache, 'micropay', `kafka-${content}`);
}

/** The folder of Kafka's jars, fetched by Maven when they are missing. */
export function fetchLibraries(): string {
  const folder = librariesFolder();
  if (existsSync(folder)) return folder;
  // Under another name until it is whole; of several processes that fetch at once, the first to finish counts.
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(unfinished, { recursive: true });
  const { status, stdout, stderr, error } = spawnSync(
    'mvn',
    [
      '-B',
      '-q',
      '-f',
      pom,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${unfinished}`,
    ],
    { encoding: 'utf8', timeout: DOWNLOAD_TIMEOUT_MS },
  );
  if (status !== 0) {
    rmSync(unfinished, { recursive: true, force: true });
    throw new Error(`Maven could not fetch Kafka: ${error?.message ?? `${stdout}${stderr}`}`);
  }
  try {
    renameSync(unfinished, folder);
  } catch {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
