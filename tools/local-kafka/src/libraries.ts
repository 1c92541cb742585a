import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { cached, cacheFolder } from '../../../scripts/cache.js';

const JAVA_MIN = 17;
const DOWNLOAD_TIMEOUT_MS = 300_000;
const pom = fileURLToPath(new URL('../pom.xml', import.meta.url));

/** The reason why no broker can be started here; undefined if one can. */
export function whyNoKafka(): string | undefined {
  const { stderr, error } = spawnSync('java', ['-version'], { encoding: 'utf8' });
  const version = /version "(\d+)/.exec(stderr ?? '')?.[1];
  if (error !== undefined || version === undefined) return `needs Java ${JAVA_MIN} and Maven, or KAFKA_BROKERS`;
  if (Number(version) < JAVA_MIN) return `needs Java ${JAVA_MIN} or newer, and this is ${version}`;
  if (existsSync(cacheFolder(...CACHED))) return undefined;
  if (spawnSync('mvn', ['--version']).error !== undefined) return 'needs Maven to fetch Kafka, or KAFKA_BROKERS';
  return undefined;
}

/** One folder of the cache for each content of the pom, which names the version of Kafka. */
const CACHED = ['kafka', readFileSync(pom, 'utf8')] as const;

/** The folder of Kafka's jars, fetched by Maven when they are missing. */
export function fetchLibraries(): string {
  return cached(...CACHED, (target) => {
    const { status, stdout, stderr, error } = spawnSync(
      'mvn',
      ['-B', '-q', '-f', pom, 'dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${target}`],
      { encoding: 'utf8', timeout: DOWNLOAD_TIMEOUT_MS },
    );
    if (status !== 0) throw new Error(`Maven could not fetch Kafka: ${error?.message ?? `${stdout}${stderr}`}`);
  });
}
