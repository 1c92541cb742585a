import cluster from 'node:cluster';
import { LedgerError } from '@micropay/ledger-core';
import type { Logger } from 'pino';
import type { Greeting } from '../process/cluster/messages.js';
import { shareMetrics, tellPrimary } from '../process/cluster/worker.js';
import { type Config, readServeSettings, redactConfig, VARIABLES } from '../process/config.js';
import { firstSteps, type OperatorKeySource } from '../process/first-steps.js';
import { createLog } from '../process/log.js';
import {
  checkDataDirectory,
  keepOperatorKey,
  keptOperatorKey,
  setOperatorKeyAside,
} from '../process/operator-key-file.js';
import type { RunningServer, StartOptions } from '../process/start-server.js';
import { EXIT, type ExitCode } from './cli-error.js';
import type { Command } from './command.js';
import { untilStopped, waitForStop } from './wait-for-stop.js';

export const serveCommand: Command = {
  summary: 'migrate the tables to this release unless MIGRATE=off, then serve HTTP until stopped',
  parameters: '',
  help: [
    '--port NUMBER   port to listen on; default: PORT, or 3000',
    '--host ADDRESS  address to listen on; default: HOST, or 127.0.0.1',
    '',
    'Every setting is an environment variable; an option takes precedence over its variable:',
    ...VARIABLES.map((name) => `  ${name}`),
  ],
  words: { min: 0, max: 0 },
  options: { port: { type: 'string', variable: 'PORT' }, host: { type: 'string', variable: 'HOST' } },
  async run({ variables, output, signal }) {
    const { workers, ...config } = readServeSettings(variables);
    const log = createLog(config.logLevel, cluster.worker?.id);
    if (cluster.isWorker) return serveAsWorker({ config, workers, log, signal });
    log.debug({ ...redactConfig(config), workers }, 'configuration');
    if (config.dataDirectory !== undefined) await checkDataDirectory(config.dataDirectory);
    const greet = ({ text, value }: Greeting) => {
      output.value(value);
      output.text(text);
    };
    if (workers === 1) return serve({ config, log, signal, greet });
    const { runWorkers } = await import('../process/cluster/run-workers.js');
    const exitCode = await runWorkers({ count: workers, signal, log, onListening: greet });
    return Object.values(EXIT).find((known) => known === exitCode) ?? EXIT.failed;
  },
};

interface Serving {
  readonly config: Config;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly greet: (greeting: Greeting) => void;
  readonly options?: StartOptions;
}

async function serve({ config, log, signal, greet, options }: Serving): Promise<ExitCode> {
  // The other commands start sooner without what only the server needs.
  const { startChecked } = await import('../process/start-server.js');
  const server = await untilStopped(signal, startChecked(config, log, options));
  if (server === undefined) return EXIT.ok;
  await keepNewKey(server, config);
  const { url, newOperatorKey } = server;
  greet({ text: greetingText(server, await operatorKeySource(server, config)), value: { url, newOperatorKey } });
  await waitForStop(signal);
  await server.close();
  return EXIT.ok;
}

/**
 * The number of the worker that migrates and makes the operator's key; those after it find both. One that replaces it has another number,
 * so what goes on for as long as the server runs must not depend on it.
 */
const FIRST_WORKER = 1;

async function serveAsWorker({
  config,
  workers,
  log,
  signal,
}: Pick<Serving, 'config' | 'log' | 'signal'> & { readonly workers: number }): Promise<ExitCode> {
  const isFirst = cluster.worker?.id === FIRST_WORKER;
  const own = isFirst ? config : { ...config, migrate: false, operatorApiKey: undefined, dataDirectory: undefined };
  const options = { processes: workers, isFirst, shareMetrics };
  const greet = (greeting: Greeting) => tellPrimary({ kind: 'listening', greeting });
  try {
    return await serve({ config: own, log, signal, greet, options });
  } catch (error) {
    if (error instanceof LedgerError && error.retryable) tellPrimary({ kind: 'unavailable' });
    throw error;
  }
}

/** A key that cannot be kept does not end the server: it is printed all the same, and cannot be had again. */
async function keepNewKey({ newOperatorKey }: RunningServer, { dataDirectory, operatorApiKey }: Config): Promise<void> {
  if (dataDirectory === undefined) return;
  if (operatorApiKey !== undefined) {
    await setOperatorKeyAside(dataDirectory).catch((error: Error) => {
      // It opens nothing here any more.
      console.error(`The operator key that was replaced is still in ${dataDirectory}: ${error.message}`);
    });
  }
  if (newOperatorKey !== undefined) {
    await keepOperatorKey(dataDirectory, newOperatorKey).catch((error: Error) => {
      console.error(`The operator key could not be kept in ${dataDirectory}: ${error.message}`);
    });
  }
}

function greetingText({ url, newOperatorKey }: RunningServer, keySource: OperatorKeySource): string {
  const key = newOperatorKey === undefined ? '' : `\nOperator key, shown this once: ${newOperatorKey}\n`;
  return `MicroPay listens on ${url}. Stop it with Ctrl-C.
Its reference is at ${url}/docs.
${key}
First steps, in another terminal:

${firstSteps(url, keySource)}`;
}

async function operatorKeySource(
  { isOperatorKey }: RunningServer,
  { operatorApiKey, dataDirectory }: Config,
): Promise<OperatorKeySource> {
  if (operatorApiKey !== undefined) return { kind: 'environment' };
  const path = dataDirectory === undefined ? undefined : await keptOperatorKey(dataDirectory, isOperatorKey);
  return path === undefined ? { kind: 'unknown' } : { kind: 'file', path };
}
