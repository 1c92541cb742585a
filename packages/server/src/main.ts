#!/usr/bin/env node
import { type Config, readConfig, redactConfig } from './config.js';
import { exitWith } from './exit-with.js';
import { firstSteps, type OperatorKeySource } from './first-steps.js';
import { createLog } from './log.js';
import { checkDataDirectory, keepOperatorKey, keptOperatorKey, setOperatorKeyAside } from './operator-key-file.js';
import { StartError } from './start-error.js';
import { type RunningServer, startServer } from './start-server.js';
import { stopOnSignals } from './stop-on-signals.js';

try {
  refuseArguments(process.argv.slice(2));
  const config = readConfig();
  const log = createLog(config.logLevel);
  log.debug(redactConfig(config), 'configuration');
  if (config.dataDirectory !== undefined) await checkDataDirectory(config.dataDirectory);
  const server = await startServer(config, log);
  stopOnSignals(server);
  if (config.dataDirectory !== undefined) {
    if (config.operatorApiKey !== undefined) {
      await setOperatorKeyAside(config.dataDirectory).catch((error: Error) => {
        // It opens nothing here any more.
        console.error(`The operator key that was replaced is still in ${config.dataDirectory}: ${error.message}`);
      });
    }
    if (server.newOperatorKey !== undefined) {
      await keepOperatorKey(config.dataDirectory, server.newOperatorKey).catch((error: Error) => {
        // It is printed all the same, and cannot be had again.
        console.error(`The operator key could not be kept in ${config.dataDirectory}: ${error.message}`);
      });
    }
  }
  console.log(greeting(server, await operatorKeySource(server, config)));
} catch (error) {
  exitWith(error);
}

/** @throws {StartError} `invalid_arguments` */
function refuseArguments(words: readonly string[]): void {
  if (words.length === 0) return;
  throw new StartError(
    'invalid_arguments',
    `the server takes no arguments, and "${words.join(' ')}" was given: set variables of the environment, such as PORT=4000`,
  );
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
