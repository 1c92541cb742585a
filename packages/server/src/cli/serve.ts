import { type Config, readConfig, redactConfig, VARIABLES } from '../process/config.js';
import { firstSteps, type OperatorKeySource } from '../process/first-steps.js';
import { createLog } from '../process/log.js';
import {
  checkDataDirectory,
  keepOperatorKey,
  keptOperatorKey,
  setOperatorKeyAside,
} from '../process/operator-key-file.js';
import type { RunningServer } from '../process/start-server.js';
import { EXIT } from './cli-error.js';
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
    const config = readConfig(undefined, variables);
    const log = createLog(config.logLevel);
    log.debug(redactConfig(config), 'configuration');
    if (config.dataDirectory !== undefined) await checkDataDirectory(config.dataDirectory);
    // The other commands start sooner without what only the server needs.
    const { startServer } = await import('../process/start-server.js');
    const server = await untilStopped(signal, startServer(config, log));
    if (server === undefined) return EXIT.ok;
    await keepNewKey(server, config);
    output.value({ url: server.url, newOperatorKey: server.newOperatorKey });
    output.text(greeting(server, await operatorKeySource(server, config)));
    await waitForStop(signal);
    await server.close();
    return EXIT.ok;
  },
};

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

function greeting({ url, newOperatorKey }: RunningServer, keySource: OperatorKeySource): string {
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
