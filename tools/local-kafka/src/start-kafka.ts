import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Kafka, logLevel } from 'kafkajs';
import { brokerProperties } from './broker-settings.js';
import { type KeptProcess, keepProcess } from './kept-process.js';
import { fetchLibraries } from './libraries.js';

export interface KafkaOptions {
  /** The broker's own limit on messages; default Kafka's, about a megabyte. */
  readonly messageBytesMax?: number;
  /** Default 256. */
  readonly heapMegabytes?: number;
  /** Joins the cluster of this broker, as its second node; by itself when left out. */
  readonly besides?: LocalKafka;
}

interface Cluster {
  readonly id: string;
  readonly controllerPort: number;
}

/** A Kafka broker that this process started. It ends with the process, however that ends. */
export interface LocalKafka {
  /** `host:port`, the same after a restart. */
  readonly broker: string;
  readonly cluster: Cluster;
  /** Leaves the broker with its connections open and no answer to anything, until it is killed. */
  hang(): void;
  /** Kills the broker with SIGKILL and keeps its data. */
  kill(): Promise<void>;
  /** Starts a broker that was killed again, on the same port with the same data; resolves when it serves. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

const START_TIMEOUT_MS = 120_000;
const POLL_MS = 50;
const PORT_ATTEMPTS_MAX = 5;
const STARTED = 'Kafka Server started';

/**
 * Starts Apache Kafka with data that is thrown away, on a free port of this machine.
 *
 * @throws Error when it does not start; nothing is left running.
 */
export async function startKafka(options: KafkaOptions = {}): Promise<LocalKafka> {
  const libraries = fetchLibraries();
  for (let attempt = 1; ; attempt += 1) {
    try {
      const cluster = options.besides?.cluster ?? { id: newClusterId(), controllerPort: await freePort() };
      return await startOn(await freePort(), cluster, libraries, options);
    } catch (error) {
      // Somebody else may have taken a port since we found it free.
      if (attempt === PORT_ATTEMPTS_MAX || !/Address already in use/.test((error as Error).message)) throw error;
    }
  }
}

async function startOn(
  port: number,
  cluster: Cluster,
  libraries: string,
  { messageBytesMax, heapMegabytes = 256, besides }: KafkaOptions,
): Promise<LocalKafka> {
  const directory = mkdtempSync(join(tmpdir(), 'micropay-kafka-'));
  const settings = join(directory, 'server.properties');
  const logFile = join(directory, 'kafka.log');
  mkdirSync(join(directory, 'logs'));
  const nodeId = besides === undefined ? 1 : 2;
  const { controllerPort } = cluster;
  writeFileSync(settings, brokerProperties({ directory, port, nodeId, controllerPort, messageBytesMax }));
  const java = [
    ...[`-Xms${heapMegabytes}m`, `-Xmx${heapMegabytes}m`, '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'],
    ...['-Xshare:auto', '-Djava.awt.headless=true', '-cp', `${libraries}/*`],
    ...[
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info',
    ],
  ];
  let broker: KeptProcess | undefined;

  async function launch(): Promise<void> {
    writeFileSync(logFile, '');
    broker = await keepProcess(['java', ...java, 'kafka.Kafka', settings], { logFile, folder: directory });
    const until = performance.now() + START_TIMEOUT_MS;
    await untilStarted(logFile, broker, until);
    await untilListed(port, until);
  }
  const leave = () => void broker?.remove();
  const stop = async () => {
    process.off('exit', leave);
    await broker?.remove();
    rmSync(directory, { recursive: true, force: true });
  };
  process.on('exit', leave);
  try {
    format(java, settings, cluster.id);
    await launch();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    broker: `127.0.0.1:${port}`,
    cluster,
    hang: () => broker?.hang(),
    async kill() {
      await broker?.kill();
    },
    restart: launch,
    stop,
  };
}

/** 22 characters, of which the first must not be a dash: it would be taken for an option. */
function newClusterId(): string {
  return `A${randomBytes(16).toString('base64url').slice(1)}`;
}

function format(java: readonly string[], settings: string, clusterId: string): void {
  const words = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', settings];
  const { status, stdout, stderr } = spawnSync('java', [...java, ...words], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`Kafka's storage could not be made: ${stdout}${stderr}`);
}

async function untilStarted(logFile: string, broker: KeptProcess, until: number): Promise<void> {
  while (performance.now() < until) {
    const log = readFileSync(logFile, 'utf8');
    if (log.includes(STARTED)) return;
    if (!broker.isRunning()) throw new Error(`Kafka did not start: ${log.slice(-2_000)}`);
    await sleep(POLL_MS);
  }
  throw new Error(`Kafka did not start within ${START_TIMEOUT_MS} ms`);
}

/** A broker that has started may answer for a moment that the cluster has no brokers. */
async function untilListed(port: number, until: number): Promise<void> {
  const admin = new Kafka({ brokers: [`127.0.0.1:${port}`], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    while (performance.now() < until) {
      const { brokers } = await admin.describeCluster();
      if (brokers.some((listed) => listed.port === port)) return;
      await sleep(POLL_MS);
    }
  } finally {
    await admin.disconnect();
  }
  throw new Error(`Kafka's cluster did not list its broker within ${START_TIMEOUT_MS} ms`);
}

function freePort(): Promise<number> {
  return new Promise((resolved, rejected) => {
    const probe = createServer().once('error', rejected);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => resolved(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
